"""What the guides to Ollama, vLLM and MCP say to type protects a service, and lets its responses stream."""

from pathlib import Path

import httpx
import pytest

from tests.docs.guides.conftest import Serve, caddy, nginx
from tests.docs.guides.pages import blocks
from tests.docs.guides.services import Handler, McpServer, ModelServer, listening
from tests.docs.guides.terminal import Terminal
from tests.support.ports import free_port
from tests.support.server import RunningServer

pytestmark = [
    pytest.mark.slow("runs the commands of the docs"),
    pytest.mark.needs("jq"),
    pytest.mark.storeless("what the commands of a page show"),
]

NGINX = "nginx -t && nginx -s reload"
CADDY = "caddy validate --adapter caddyfile --config Caddyfile && systemctl reload caddy"
MODELS, MCP = "protect-ollama-and-vllm.md", "protect-an-mcp-server.md"


def follow(page: str, proxy: str, behind: type[Handler], latchkey: RunningServer, serve: Serve, at: Path) -> None:
    """Type what a guide says for one proxy, and compare what it shows. Then test what it promises."""
    port = free_port()

    def start() -> None:
        text = terminal.here((at / ("Caddyfile" if proxy == "caddy" else "latchkey.conf")).read_text())
        serve(caddy(text, at) if proxy == "caddy" else nginx(text, directory=at), port, at)

    with listening(behind) as service:
        ports = {"11434": service, "9000": service, "8080": port}
        terminal = Terminal(at, latchkey, ports, instead={NGINX: start, CADDY: start})
        for block in blocks(page):
            if not block.untested and ("proxy_config" not in block.text or f"proxy_config {proxy}" in block.text):
                terminal.follow(block)
        headers = {"X-API-Key": terminal.value("KEY"), "Host": "llm.example.com", "X-Latchkey-Scopes": "forged:*"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False) as client:
            check(client, behind)


def check(client: httpx.Client, behind: type[Handler]) -> None:
    """Test that a response streams, with another Host, and that no path is reached that the guide doesn't name."""
    arrived = []
    path = "/mcp" if behind is McpServer else "/api/chat"
    behind.received.clear()
    behind.patience = 20.0
    with client.stream("POST", path, json={"model": "llama3.2"}) as response:
        for part in response.iter_raw():
            behind.received.set()
            arrived.append(part.decode())
    assert behind.was_received, "the proxy passes the first part on before there is a second one"
    assert behind is not McpServer or "for mcp:tickets" in arrived[-1]
    for hidden in ("/", "/api/pull", "/api/chat/", "/v1/load_lora_adapter", "//api/delete", "/v1/models/../../pause"):
        assert client.get(hidden).status_code == 404, hidden


@pytest.mark.needs("nginx")
@pytest.mark.parametrize(("page", "behind"), [(MODELS, ModelServer), (MCP, McpServer)])
def test_nginx(page: str, behind: type[Handler], latchkey: RunningServer, serve: Serve, tmp_path: Path) -> None:
    follow(page, "nginx", behind, latchkey, serve, tmp_path)


@pytest.mark.needs("caddy")
def test_caddy(latchkey: RunningServer, serve: Serve, tmp_path: Path) -> None:
    follow(MODELS, "caddy", ModelServer, latchkey, serve, tmp_path)
