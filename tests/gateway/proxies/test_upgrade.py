"""One checked request never becomes a raw connection to the service, unless it is a WebSocket and the operator said so."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.gateway.proxies.conftest import NAMES, SCOPE, Keys
from tests.gateway.proxies.running import Proxy, running
from tests.support.server import RunningServer

pytestmark = pytest.mark.slow("runs each proxy twice")

UNCHECKED = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nx-latchkey-key-id: lk_forgedforged"
OFFERS = {
    "h2c": "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
    "TLS": "Connection: upgrade\r\nUpgrade: TLS/1.2\r\n",
    "anything": "Connection: Upgrade\r\nUpgrade: x-latchkey\r\n",
    "a list": "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
    "two fields": "Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n",
}
WEBSOCKET = (
    "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


class Willing:
    """A service that accepts whatever upgrade reaches it; `offered` has the offers, `raw` what came on the connection."""

    def __init__(self) -> None:
        self.offered: list[str] = []
        self.raw = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def serve(self) -> None:
        """Serve connections until `close`."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _one(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            while lines.readline():
                fields = [line.strip().decode().partition(": ") for line in iter(lines.readline, b"\r\n")]
                offers = [value for name, _, value in fields if name.lower() == "upgrade"]
                if not offers:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    continue
                self.offered += offers
                accepted = f"Connection: Upgrade\r\nUpgrade: {offers[0]}\r\n"
                connection.sendall(f"HTTP/1.1 101 Switching Protocols\r\n{accepted}\r\n".encode())
                while data := connection.recv(65536):
                    self.raw += data
                    connection.sendall(b"heard")
                return


@pytest.fixture(scope="module")
def willing() -> Iterator[Willing]:
    service = Willing()
    thread = threading.Thread(target=service.serve)
    thread.start()
    yield service
    service.close()
    thread.join()


@pytest.fixture(scope="module", params=NAMES)
def closed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, latchkey: RunningServer, willing: Willing
) -> Iterator[Proxy]:
    """Each proxy as its file is shipped."""
    with _proxy(request.param, tmp_path_factory.mktemp("closed"), latchkey, willing) as found:
        yield found


@pytest.fixture(scope="module", params=NAMES)
def with_websocket(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, latchkey: RunningServer, willing: Willing
) -> Iterator[Proxy]:
    """Each proxy with --websocket."""
    with _proxy(request.param, tmp_path_factory.mktemp("open"), latchkey, willing, websocket=True) as found:
        yield found


@contextmanager
def _proxy(
    name: str, directory: Path, latchkey: RunningServer, service: Willing, *, websocket: bool = False
) -> Iterator[Proxy]:
    with running(name, directory, service.url, latchkey, scopes=[SCOPE], websocket=websocket) as found:
        yield found


def offer(proxy: Proxy, credential: str, fields: str) -> bytes:
    """Offer an upgrade, send on as if it was accepted, and return the status line and what follows the header."""
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as connection, connection.makefile("rb") as lines:
        request = f"GET /x HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {credential}\r\n{fields}\r\n"
        connection.sendall(request.encode())
        status = lines.readline()
        for _ in iter(lines.readline, b"\r\n"):
            pass
        connection.sendall(UNCHECKED)
        return status + (lines.read(5) if b" 101 " in status else b"")


@pytest.mark.parametrize("kind", [*OFFERS, "WebSocket"])
def test_no_upgrade_passes(closed: Proxy, keys: Keys, willing: Willing, kind: str) -> None:
    willing.offered.clear()
    answer = offer(closed, keys.new()["credential"], OFFERS.get(kind, WEBSOCKET))
    assert (b" 101 " in answer, willing.offered, willing.raw) == (False, [], b"")


@pytest.mark.parametrize("kind", OFFERS)
def test_another_upgrade_does_not_pass_with_websocket(
    with_websocket: Proxy, keys: Keys, willing: Willing, kind: str
) -> None:
    willing.offered.clear()
    answer = offer(with_websocket, keys.new()["credential"], OFFERS[kind])
    assert {name.lower() for name in willing.offered} <= {"websocket"}
    assert b" 101 " not in answer or willing.offered
    willing.raw = b""


def test_websocket_passes_if_the_operator_asked_for_it(with_websocket: Proxy, keys: Keys, willing: Willing) -> None:
    willing.raw = b""
    assert offer(with_websocket, keys.new()["credential"], WEBSOCKET).endswith(b"heard")
    assert willing.raw == UNCHECKED
    willing.raw = b""
    refused = offer(with_websocket, f"{keys.new()['key_id']}:{keys.new()['secret']}", WEBSOCKET)
    assert (b" 401 " in refused, willing.raw) == (True, b"")
