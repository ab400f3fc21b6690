"""docs/how-to/machines-beside-sso.md: machines pass with keys, people with a session, and neither as the other."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.docs.guides.conftest import Serve, caddy, nginx
from tests.docs.guides.pages import Block, blocks
from tests.docs.guides.services import App, Sso, listening
from tests.docs.guides.terminal import Terminal
from tests.support.ports import free_port
from tests.support.server import RunningServer, issue

pytestmark = [
    pytest.mark.slow("runs the commands of the docs"),
    pytest.mark.storeless("what the commands of a page show"),
]

PAGE = "machines-beside-sso.md"
RELOAD = {
    "nginx": "nginx -t && nginx -s reload",
    "caddy": "caddy validate --adapter caddyfile --config Caddyfile && systemctl reload caddy",
}
FILES = {"rule.conf": "return 418", "people.conf": "location @people", "people.caddy": "route @machines {"}
"""By what each is found in the page."""
FORGED = {"Remote-User": "admin", "X-Latchkey-Key-Id": "lk_aaaaaaaaaaaa", "X-Latchkey-Scopes": "*"}
PERSON = {"Cookie": "session=ana"}


def block_with(text: str) -> Block:
    [found] = [block for block in blocks(PAGE) if text in block.text]
    return found


@pytest.fixture
def ports() -> Iterator[dict[str, int]]:
    with ExitStack() as running:
        sso = running.enter_context(listening(Sso))
        app = running.enter_context(listening(App))
        yield {"9000": app, "4180": sso, "9091": sso, "8080": free_port()}


@pytest.mark.parametrize(
    ("proxy", "sso"),
    [
        pytest.param("nginx", "4180", marks=pytest.mark.needs("nginx"), id="nginx and oauth2-proxy"),
        pytest.param("nginx", "9091", marks=pytest.mark.needs("nginx"), id="nginx and Authelia"),
        pytest.param("caddy", "9091", marks=pytest.mark.needs("caddy"), id="Caddy and Authelia"),
    ],
)
def test_guide(
    proxy: str, sso: str, ports: dict[str, int], latchkey: RunningServer, serve: Serve, tmp_path: Path
) -> None:
    def start() -> None:
        text = terminal.here((tmp_path / ("Caddyfile" if proxy == "caddy" else "orders.conf")).read_text())
        serve(caddy(text, tmp_path) if proxy == "caddy" else nginx(text, directory=tmp_path), ports["8080"], tmp_path)

    terminal = Terminal(tmp_path, latchkey, ports, instead={RELOAD[proxy]: start})
    files = FILES if proxy == "caddy" else FILES | {"sso.conf": f"proxy_pass http://127.0.0.1:{sso}/"}
    for file, text in files.items():
        terminal.write(file, block_with(text).text)
    terminal.follow(block_with(f"proxy_config {proxy}"))
    issued = issue(latchkey, "--label", "job", "--scope", "orders:read")
    terminal.variables["KEY"] = issued["credential"]
    terminal.follow(block_with("'X-API-Key: wrong'"))
    with httpx.Client(base_url=f"http://127.0.0.1:{ports['8080']}", trust_env=False) as client:
        neither_passes_as_the_other(client, issued)
        sign_in = client.get("/orders?page=2").headers["Location"]
    assert re.search(r"rd=.*/orders\?page=2$" if sso == "4180" else "^https://auth.example.com/", sign_in)


def neither_passes_as_the_other(client: httpx.Client, issued: dict[str, Any]) -> None:
    person = client.post("/orders", content="order", headers=FORGED | PERSON).json()
    assert (person["method"], person["body"], person["remote-user"]) == ("POST", "order", "ana")
    assert (person["x-latchkey-key-id"], person["x-latchkey-scopes"]) == ("", "")
    machine = client.post("/orders", content="order", headers=FORGED | {"X-API-Key": issued["credential"]}).json()
    assert (machine["method"], machine["body"], machine["remote-user"]) == ("POST", "order", "")
    assert (machine["x-latchkey-key-id"], machine["x-latchkey-scopes"]) == (issued["key_id"], "orders:read")
    assert (person["x-forwarded-for"], machine["x-forwarded-for"], machine["x-api-key"]) == ("127.0.0.1",) * 2 + ("",)
    assert client.get("/orders", headers=FORGED).status_code == 302
    assert client.get("/orders", headers=FORGED | PERSON | {"X-API-Key": "wrong"}).status_code == 401


def test_traefik(ports: dict[str, int], latchkey: RunningServer, tmp_path: Path) -> None:
    """No Traefik runs here, so only the names in both files are compared."""
    terminal = Terminal(tmp_path, latchkey, ports)
    terminal.follow(block_with("proxy_config traefik"))
    files = [yaml.safe_load((tmp_path / "latchkey.yml").read_text()), yaml.safe_load(block_with("authelia:").text)]
    routers = [router for file in files for router in file["http"]["routers"].values()]
    assert [router["rule"] for router in routers] == [
        "HeaderRegexp(`X-API-Key`, `.+`)",
        "!HeaderRegexp(`X-API-Key`, `.+`)",
    ]
    known = {name for file in files for name in file["http"]["middlewares"]}
    assert all(router["middlewares"][0] == "no-forged-identity" for router in routers)
    assert {name for router in routers for name in router["middlewares"]} <= known
    assert {router["service"] for router in routers} == {"protected"}
