"""manage.py proxy_config: the files of deploy/ are its output, and nothing typed can say more than its value."""

import base64
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import CommandError, call_command

from gateway.proxies.render import FILES, configuration
from gateway.proxies.values import Address, NotUsable, Values
from latchkey.credentials import generate_key_id, generate_secret
from latchkey.redaction import CREDENTIAL

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
def test_only_key_is_required(proxy: str) -> None:
    """Without a scope and with the usual cost the query says neither; a client's own query never stands there."""
    text = printed(proxy, "--upstream", "http://127.0.0.1:9000")
    assert f"/v1/check{ {'nginx': '?deny=403', 'caddy': '?', 'envoy': '?allow=200'}.get(proxy, '') }" in text
    assert "scope=" not in text


@pytest.mark.parametrize("proxy", FILES)
def test_all_options_together(proxy: str) -> None:
    text = printed(
        proxy, "--upstream", "http://b", "--cors-origin", "https://app.example", "--cors-origin", "capacitor://[::1]:9",
        "--cors-origin", "https://app.example", "--keep-authorization", "--websocket",
    )  # fmt: skip
    assert "https://app" in text
    assert "capacitor://" in text
    assert len(re.findall(r"https://app\\?\.example", text)) <= 2, "each once, and nginx names it twice in one line"
    assert not re.search(r"@[A-Z_]+@", text)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--cors-origin", "*"),
        ("--cors-origin", "null"),
        ("--cors-origin", ""),
        ("--cors-origin", "app.example"),
        ("--cors-origin", "https://"),
        ("--cors-origin", "https://app.example/"),
        ("--cors-origin", "https://app.example/path"),
        ("--cors-origin", "https://App.example"),
        ("--cors-origin", "https://*.example"),
        ("--cors-origin", "https://user@app.example"),
        ("--cors-origin", "https://app.example:443"),
        ("--cors-origin", "http://app.example:80"),
        ("--cors-origin", "https://app.example:65536"),
        ("--cors-origin", "https://app.example:08"),
        ("--cors-origin", "https://app.example, https://b"),
        ("--cors-origin", "https://a|b"),
        ("--cors-origin", 'https://a";'),
        ("--cors-origin", "https://{$X}"),
        ("--cors-origin", "https://a\n"),
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
def test_invalid_options_are_rejected_in_one_line(option: str, value: str) -> None:
    arguments = [f"{option}={value}"] if option == "--upstream" else ["--upstream=http://a", f"{option}={value}"]
    with pytest.raises(CommandError) as refused:
        printed("nginx", *arguments)
    assert refused.value.returncode == 2
    assert str(refused.value).startswith((f"{option} must be ", f"{option} must have "))
    assert "\n" not in str(refused.value)


def test_too_many_origins_are_rejected() -> None:
    arguments = [f"--cors-origin=https://app{number}.example" for number in range(65)]
    printed("nginx", "--upstream=http://a", *arguments[:64])
    with pytest.raises(CommandError, match="at most 64"):
        printed("nginx", "--upstream=http://a", *arguments)


@pytest.mark.parametrize("separator", [":", "."])
def test_every_credential_form_is_recognized(separator: str) -> None:
    for _ in range(200):
        credential = f"{generate_key_id()}{separator}{generate_secret()}"
        encoded = base64.b64encode(credential.encode()).decode()
        for value in (f"Bearer {credential}", f"Basic {encoded}", f"basic  {encoded}"):
            assert re.search(CREDENTIAL, value)


@pytest.mark.parametrize("value", ["Bearer eyJhbGciOiJIUzI1NiJ9.eyJsa18iOiIxIn0.lks_abc", "Basic bGs6bGtzXw==", "lk_"])
def test_authorization_of_service_is_no_credential(value: str) -> None:
    assert not re.search(CREDENTIAL, value)


def test_invalid_scopes_are_rejected() -> None:
    arguments = [argument for number in range(60) for argument in ("--scope", f"{'a' * 60}{number}:b")]
    with pytest.raises(CommandError, match="--scope is too long"):
        printed("nginx", "--upstream=http://a", *arguments)


@pytest.mark.parametrize(
    "url", ['https://a"', "https://a/$x", "https://a/}", "https://a/'x", "https://a/\nx", f"https://a/{'x' * 1000}"]
)
def test_invalid_public_url_is_rejected(url: str) -> None:
    here = Address("127.0.0.1", 8000)
    with pytest.raises(NotUsable, match="PUBLIC_URL"):
        Values(here, (here,), url)


def test_traefik() -> None:
    """Its file has the shape that Traefik's reference gives it."""
    here = Address("127.0.0.1", 8000)
    document = yaml.safe_load(configuration("traefik", Values(Address("b", 9), (here,), "https://a", ("x:y",))))["http"]
    router = document["routers"]["protected"]
    assert set(router) == {"entryPoints", "rule", "middlewares", "service"}
    assert set(router["middlewares"]) == set(document["middlewares"])
    closes, asks, hides = (document["middlewares"][name] for name in router["middlewares"])
    assert closes["headers"]["customRequestHeaders"] == {"Upgrade": "", "HTTP2-Settings": ""}
    assert asks["forwardAuth"]["address"] == "http://127.0.0.1:8000/v1/check?scope=x:y"
    assert asks["forwardAuth"]["trustForwardHeader"] is False
    assert {"X-API-Key", "Authorization"} <= set(asks["forwardAuth"]["authRequestHeaders"])
    removed = hides["headers"]["customRequestHeaders"]
    assert {"X-API-Key", "Authorization", "X_API_Key"} <= set(removed)
    assert set(removed.values()) == {""}
    assert document["services"][router["service"]]["loadBalancer"]["servers"] == [{"url": "http://b:9"}]


def test_traefik_with_websockets() -> None:
    """A second router takes what asks for one, checks it alike, and writes the protocol itself."""
    here = Address("127.0.0.1", 8000)
    values = Values(Address("b", 9), (here,), "https://a", websocket=True)
    document = yaml.safe_load(configuration("traefik", values))["http"]
    plain, websocket = document["routers"]["protected"], document["routers"]["protected-websocket"]
    assert websocket["rule"] == "PathPrefix(`/`) && HeaderRegexp(`Upgrade`, `(?i)^websocket$`)"
    assert len(websocket["rule"]) > len(plain["rule"]), "by which Traefik puts it first"
    assert websocket["middlewares"][1:] == plain["middlewares"][1:]
    fields = document["middlewares"][websocket["middlewares"][0]]["headers"]["customRequestHeaders"]
    assert fields == {"Upgrade": "websocket", "HTTP2-Settings": ""}


def test_traefik_with_other_origins_and_authorization() -> None:
    here = Address("127.0.0.1", 8000)
    origins = ("https://a.example", "http://b:1")
    values = Values(Address("b", 9), (here,), "https://a", (), 1, 80, True, origins, True)
    document = yaml.safe_load(configuration("traefik", values))["http"]
    middlewares, routers = document["middlewares"], document["routers"]
    used = [router["middlewares"] for router in routers.values()]
    assert {name for names in used for name in names} == set(middlewares)
    for names in used:
        assert names.index("latchkey-cors") < names.index("latchkey-check"), "so that a refusal has the fields as well"
    cors = middlewares["latchkey-cors"]["headers"]
    assert cors["accessControlAllowOriginList"] == list(origins)
    assert cors["addVaryHeader"] is True
    hidden = middlewares["latchkey-hide-credential"]["headers"]
    assert hidden["customResponseHeaders"]["Access-Control-Allow-Origin"] == ""
    assert "Authorization" not in hidden["customRequestHeaders"]
    assert "Authorization" not in middlewares["latchkey-check"]["forwardAuth"]["authRequestHeaders"]
    with_a_credential = {kind for kind, router in routers.items() if CREDENTIAL in router["rule"]}
    assert with_a_credential == {"protected-credential", "protected-websocket-credential"}
    for kind in with_a_credential:
        assert routers[kind]["middlewares"][-1] == "latchkey-hide-authorization"
        assert len(routers[kind]["rule"]) > len(routers[kind.removesuffix("-credential")]["rule"])
    longest = max(routers, key=lambda kind: len(routers[kind]["rule"]))
    assert longest == "protected-websocket-credential", "by which Traefik tries it first"


@pytest.mark.parametrize(
    ("proxy", "line"),
    [
        ("nginx", "    server unix:/run/latchkey/latchkey.sock max_fails=0;"),
        ("caddy", "\t\treverse_proxy unix//run/latchkey/latchkey.sock {"),
        ("envoy", '                    pipe: {path: "/run/latchkey/latchkey.sock"}'),
    ],
)
def test_unix_socket(proxy: str, line: str) -> None:
    text = printed(proxy, "--upstream", "http://b", "--latchkey", "unix:/run/latchkey/latchkey.sock")
    assert line in text.splitlines()
    assert "127.0.0.1:8000" not in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("nginx", "--latchkey", "unix:/run/a;b"),
        ("nginx", "--latchkey", "unix:/run/a b"),
        ("nginx", "--latchkey", "unix:run/a"),
        ("nginx", "--latchkey", "unix:/" + "a" * 107),
        ("nginx", "--latchkey", "unix:/run/a", "--latchkey", "http://b"),
        ("traefik", "--latchkey", "unix:/run/a"),
    ],
)
def test_unusable_unix_sockets_are_rejected(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match=r"^--latchkey") as caught:
        printed(*arguments, "--upstream", "http://b")
    assert "\n" not in str(caught.value)


def test_upstream_is_no_unix_socket() -> None:
    with pytest.raises(CommandError, match=r"^--upstream"):
        printed("nginx", "--upstream", "unix:/run/a")


def test_traefik_calls_one_node() -> None:
    nodes = (Address("a", 1), Address("b", 2))
    with pytest.raises(NotUsable, match="one address"):
        configuration("traefik", Values(Address("c", 3), nodes, "https://a"))
