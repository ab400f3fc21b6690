"""manage.py proxy_config: the files of deploy/ are its output, and nothing typed can say more than its value."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import CommandError, call_command

from gateway.proxies.render import FILES, configuration
from gateway.proxies.values import Address, NotUsable, Values

DEPLOY: Path = settings.BASE_DIR / "deploy"
EXAMPLE = ("--upstream", "http://127.0.0.1:9000", "--scope", "orders:read", "--latchkey", "http://127.0.0.1:8000")


def printed(proxy: str, *arguments: str) -> str:
    out = StringIO()
    call_command("proxy_config", proxy, *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("proxy", FILES)
def test_shipped_file_is_the_output(proxy: str, settings: Any) -> None:
    settings.PUBLIC_URL = "https://keys.example.com"
    assert (DEPLOY / proxy / FILES[proxy]).read_text(encoding="utf-8") == printed(proxy, *EXAMPLE)


@pytest.mark.parametrize("proxy", FILES)
def test_values_are_filled_in(proxy: str) -> None:
    text = printed(
        proxy, "--upstream", "http://orders.internal:9001/", "--scope", "a:b", "--scope", "c:*", "--cost", "3",
        "--listen", "8443", "--latchkey", "http://[::1]",
    )  # fmt: skip
    assert "scope=a:b&scope=c:*&cost=3" in text
    assert "8443" in text
    assert "orders.internal" in text
    assert "9001" in text
    assert "::1" in text
    assert "@" not in text.replace('"@type"', "").replace("\t@", "").replace(" @", "")


@pytest.mark.parametrize("proxy", FILES)
def test_nothing_asked_but_a_key(proxy: str) -> None:
    """Without a scope and with the usual cost the query says neither; a client's own query never stands there."""
    text = printed(proxy, "--upstream", "http://127.0.0.1:9000")
    assert f"/v1/check{ {'nginx': '?deny=403', 'caddy': '?', 'envoy': '?allow=200'}.get(proxy, '') }" in text
    assert "scope=" not in text


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--upstream", "http://a:1;}"),
        ("--upstream", "http://a\n"),
        ("--upstream", "http://a b"),
        ("--upstream", "http://a/path"),
        ("--upstream", "http://a:70000"),
        ("--upstream", "http://user:word@a"),
        ("--upstream", "https://a"),
        ("--upstream", "http://{env.X}"),
        ("--upstream", "http://$host"),
        ("--upstream", "http://é"),
        ("--upstream", "unix:/x"),
        ("--latchkey", "http://"),
        ("--latchkey", "http://a%20b"),
        ("--scope", "Orders:read"),
        ("--scope", "a:b&cost=1"),
        ("--scope", "a:b;"),
        ("--scope", ""),
        ("--scope", "a:b\n"),
        ("--cost", "0"),
        ("--cost", "1000001"),
        ("--listen", "0"),
        ("--listen", "65536"),
    ],
)
def test_refuses_in_one_line(option: str, value: str) -> None:
    arguments = [f"{option}={value}"] if option == "--upstream" else ["--upstream=http://a", f"{option}={value}"]
    with pytest.raises(CommandError) as refused:
        printed("nginx", *arguments)
    assert refused.value.returncode == 2
    assert str(refused.value).startswith(f"{option} is ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("url", ['https://a"', "https://a/$x", "https://a/}", "https://a/'x", "https://a/\nx"])
def test_refuses_a_public_url_that_says_more(url: str) -> None:
    here = Address("127.0.0.1", 8000)
    with pytest.raises(NotUsable, match="PUBLIC_URL"):
        Values(here, here, url)


def test_traefik() -> None:
    """Its file has the shape that Traefik's reference gives it."""
    here = Address("127.0.0.1", 8000)
    document = yaml.safe_load(configuration("traefik", Values(Address("b", 9), here, "https://a", ("x:y",))))["http"]
    router = document["routers"]["protected"]
    assert set(router) == {"entryPoints", "rule", "middlewares", "service"}
    assert set(router["middlewares"]) == set(document["middlewares"])
    asks, hides = (document["middlewares"][name] for name in router["middlewares"])
    assert asks["forwardAuth"]["address"] == "http://127.0.0.1:8000/v1/check?scope=x:y"
    assert asks["forwardAuth"]["trustForwardHeader"] is False
    assert {"X-API-Key", "Authorization"} <= set(asks["forwardAuth"]["authRequestHeaders"])
    removed = hides["headers"]["customRequestHeaders"]
    assert {"X-API-Key", "Authorization", "X_API_Key"} <= set(removed)
    assert set(removed.values()) == {""}
    assert document["services"][router["service"]]["loadBalancer"]["servers"] == [{"url": "http://b:9"}]
