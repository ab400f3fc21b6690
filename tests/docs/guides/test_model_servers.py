"""docs/how-to/protect-ollama-and-vllm.md: what it says to type protects a model server, and lets its responses stream."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.docs.guides.conftest import Serve, caddy, nginx
from tests.docs.guides.model_server import PAUSE_SECONDS, WORDS, model_server
from tests.docs.guides.pages import blocks
from tests.docs.guides.terminal import Terminal
from tests.support.ports import free_port
from tests.support.server import RunningServer

pytestmark = [pytest.mark.slow("runs the commands of the docs"), pytest.mark.needs("jq")]

PAGE = "protect-ollama-and-vllm.md"
RELOADS = {
    "nginx": "nginx -t && nginx -s reload",
    "caddy": "caddy validate --adapter caddyfile --config Caddyfile && systemctl reload caddy",
}
NAMES = [pytest.param(name, marks=pytest.mark.needs(name)) for name in RELOADS]


@pytest.fixture
def model() -> Iterator[int]:
    with model_server() as port:
        yield port


@pytest.mark.parametrize("name", NAMES)
def test_guide(name: str, model: int, latchkey: RunningServer, serve: Serve, tmp_path: Path) -> None:
    port = free_port()

    def start() -> None:
        text = terminal.here((tmp_path / {"nginx": "latchkey.conf", "caddy": "Caddyfile"}[name]).read_text())
        configure = {"nginx": lambda: nginx(text, directory=tmp_path), "caddy": lambda: caddy(text, tmp_path)}[name]
        serve(configure(), port, tmp_path)

    terminal = Terminal(tmp_path, latchkey, {"11434": model, "8080": port}, instead={RELOADS[name]: start})
    other = f"proxy_config {'caddy' if name == 'nginx' else 'nginx'}"
    for block in blocks(PAGE):
        if not block.untested and other not in block.text:
            terminal.follow(block)
    key = terminal.type('echo "$KEY"').stdout.strip()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": key}, trust_env=False) as client:
        words_arrive_one_by_one(client)
        for hidden in (
            "/",
            "/api/pull",
            "/api/chat/",
            "/v1/load_lora_adapter",
            "//api/delete",
            "/v1/models/../../pause",
        ):
            assert client.get(hidden).status_code == 404, hidden
    spoof = httpx.get(f"http://127.0.0.1:{port}/v1/models", headers={"X-API-Key": key, "Host": "llm.example.com"})
    assert spoof.status_code == 200


def words_arrive_one_by_one(client: httpx.Client) -> None:
    began = time.monotonic()
    arrived = []
    with client.stream("POST", "/api/chat", json={"model": "llama3.2", "messages": []}) as response:
        for _ in response.iter_lines():
            arrived.append(time.monotonic() - began)
    assert len(arrived) == len(WORDS)
    assert arrived[-1] - arrived[0] > PAUSE_SECONDS
