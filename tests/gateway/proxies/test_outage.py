"""While Latchkey does not answer, nothing passes each real proxy, unless the operator says so; then it serves again."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from latchkey.problem_catalogue import CATALOGUE
from tests.gateway.proxies.conftest import NAMES, SCOPE, Keys
from tests.gateway.proxies.echo import Echo
from tests.gateway.proxies.running import Proxy, public_url, running
from tests.support.ports import free_port
from tests.support.server import RunningServer

pytestmark = pytest.mark.slow("stops proxies and services")


def says_unavailable(answer: httpx.Response, latchkey: RunningServer) -> None:
    problem = CATALOGUE["unavailable"]
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json"), answer.text
    document = answer.json()
    assert document["type"] == problem.uri(public_url(latchkey))
    assert (document["title"], document["status"]) == (problem.title, 503)
    assert document["request_id"] == answer.headers["X-Request-Id"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert int(answer.headers["Retry-After"]) >= 1


def eventually_passes(proxy: Proxy, credential: str) -> None:
    deadline = time.monotonic() + 20
    while (answer := httpx.get(proxy.url, headers={"X-API-Key": credential})).status_code != 200:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.05)


@pytest.mark.parametrize("name", NAMES)
def test_latchkey_stopped_and_restarted(
    name: str, latchkey: RunningServer, keys: Keys, service: Echo, tmp_path: Path
) -> None:
    credential = keys.new()["credential"]
    fields = {"X-API-Key": credential, "X-Request-Id": 'a"}'}
    with (
        running(name, tmp_path, service.url, latchkey, scopes=[SCOPE]) as proxy,
        proxy.client(headers=fields) as client,
    ):
        assert client.get("/").status_code == 200
        latchkey.stop()
        try:
            before = len(service.seen)
            for method in ("GET", "POST", "HEAD"):
                answer = client.request(method, "/", content=b"body" if method == "POST" else None)
                assert answer.status_code == 503
                if method != "HEAD":
                    says_unavailable(answer, latchkey)
            assert len(service.seen) == before
        finally:
            latchkey.start()
        eventually_passes(proxy, credential)


@pytest.mark.parametrize("name", NAMES)
def test_failing_open(name: str, latchkey: RunningServer, service: Echo, tmp_path: Path) -> None:
    """With the documented switch, unchecked requests pass without a credential and without fields that name the caller.

    While Latchkey responds, its decision applies.
    """
    nowhere = replace(latchkey, port=free_port())
    sent = {"X-API-Key": "a credential", "X-Latchkey-Key-Id": "lk_000000000000"}
    with ExitStack() as stack:
        for place in ("up", "down"):
            (tmp_path / place).mkdir()
        up = stack.enter_context(running(name, tmp_path / "up", service.url, latchkey, opened=True))
        down = stack.enter_context(running(name, tmp_path / "down", service.url, nowhere, opened=True))
        assert httpx.get(up.url, headers=sent).status_code == 401
        passed = httpx.get(down.url, headers=sent)
    assert passed.status_code == 200
    names = {field for field, value in passed.json()["headers"] if value}
    assert not {field for field in names if field.startswith(("x-latchkey", "x-api", "authorization"))}


class _Odd(BaseHTTPRequestHandler):
    """A Latchkey that answers what its server says, in words of its own."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_OddServer"

    def __getattr__(self, name: str) -> Callable[[], None]:
        if not name.startswith("do_"):
            raise AttributeError(name)
        return self._answer

    def _answer(self) -> None:
        self.server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.send_response(self.server.status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "4")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"oops")

    def log_message(self, *_: object) -> None:
        pass


class _OddServer(ThreadingHTTPServer):
    daemon_threads = True
    status = 503

    def __init__(self, *arguments: Any) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.connections = 0
        super().__init__(*arguments)

    def process_request(self, *arguments: Any) -> None:
        self.connections += 1
        super().process_request(*arguments)


@contextmanager
def odd_latchkey() -> Iterator[_OddServer]:
    with _OddServer(("127.0.0.1", 0), _Odd) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("name", NAMES)
def test_unexpected_status_denies(name: str, latchkey: RunningServer, service: Echo, tmp_path: Path) -> None:
    """A redirect, a fault of the configuration, an error: the client is told 503, and the service is not asked. A page
    of another origin can read it.
    """
    origin = "https://app.example"
    with odd_latchkey() as odd:
        stand_in = replace(latchkey, port=odd.server_address[1])
        with running(name, tmp_path, service.url, stand_in, cors_origins=(origin,)) as proxy:
            before = len(service.seen)
            for status in (302, 404, 405, 422, 430, 432, 500, 502, 503):
                odd.status = status
                answer = httpx.get(proxy.url, headers={"Origin": origin})
                assert "oops" not in answer.text, status
                says_unavailable(answer, stand_in)
                assert answer.headers.get_list("Access-Control-Allow-Origin") == [origin]
                assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
            assert "Access-Control-Allow-Origin" not in httpx.get(proxy.url, headers={"Origin": "https://b"}).headers
    assert len(service.seen) == before


@pytest.mark.parametrize("name", NAMES)
def test_failing_open_on_which_errors(name: str, latchkey: RunningServer, service: Echo, tmp_path: Path) -> None:
    """Latchkey that fails opens it; a configuration that asks for what there is not does not."""
    with odd_latchkey() as odd:
        stand_in = replace(latchkey, port=odd.server_address[1])
        with running(name, tmp_path, service.url, stand_in, opened=True) as proxy:
            answers = {}
            for odd.status in (302, 404, 422, 500, 502, 503):
                answers[odd.status] = httpx.get(proxy.url).status_code
    assert answers == {302: 503, 404: 503, 422: 503, 500: 200, 502: 200, 503: 200}


@pytest.mark.parametrize("name", NAMES)
def test_unresponsive_latchkey(name: str, latchkey: RunningServer, service: Echo, tmp_path: Path) -> None:
    """A Latchkey that takes the connection and says nothing holds a client for seconds, not for a minute."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        stand_in = replace(latchkey, port=silent.getsockname()[1])
        with running(name, tmp_path, service.url, stand_in) as proxy:
            before = len(service.seen)
            started = time.monotonic()
            says_unavailable(httpx.get(proxy.url, timeout=20), stand_in)
    assert time.monotonic() - started < 8
    assert len(service.seen) == before


@pytest.mark.parametrize("name", NAMES)
def test_call_to_latchkey(name: str, latchkey: RunningServer, service: Echo, tmp_path: Path) -> None:
    """One fixed question, with the credential and without the body and the cookies, over connections that stay."""
    sent = {"Authorization": "Bearer x", "X-API-Key": "y", "Cookie": "session=1", "X-Forwarded-For": "203.0.113.9"}
    with odd_latchkey() as odd:
        odd.status = 401
        stand_in = replace(latchkey, port=odd.server_address[1])
        with running(name, tmp_path, service.url, stand_in, scopes=[SCOPE]) as proxy:
            # Not from 127.0.0.1: Envoy writes an address of its host in place of that one.
            transport = httpx.HTTPTransport(local_address="127.0.0.9")
            with httpx.Client(transport=transport, headers=sent) as client:
                for _ in range(30):
                    client.post(f"{proxy.url}/orders?cost=9", content=b"body")
        assert len(odd.asked) == 30
        assert odd.connections <= 4
    for path, fields in odd.asked:
        assert path.partition("?")[0] == "/v1/check"
        assert path.endswith(f"scope={SCOPE}")
        assert (fields["authorization"], fields["x-api-key"]) == ("Bearer x", "y")
        assert fields["x-forwarded-for"] == "127.0.0.9"
        assert fields.get("content-length", "0") == "0"
        assert not {"cookie", "transfer-encoding"} & set(fields)
