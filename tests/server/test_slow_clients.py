"""Clients that send nothing or read nothing: other clients are still served."""

import re
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest

from httpserver.descriptors import MIN_DESCRIPTORS, worker_limits
from tests.server.conftest import StartServer
from tests.support.server import RunningServer, issue

pytestmark = pytest.mark.storeless("what a client does not send or read")

WORKERS = 2
LARGE = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
CHECKS = 10


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> RunningServer:
    """A server that may have the fewest descriptors that it accepts, and begins with fewer, as in a shell."""
    return start_server(workers=WORKERS, file_limit=(MIN_DESCRIPTORS // 2, MIN_DESCRIPTORS))


@pytest.fixture(scope="module")
def credential(server: RunningServer) -> str:
    issued: str = issue(server, "--label", "good", "--burst", "100000", "--per-seconds", "1")["credential"]
    return issued


@pytest.fixture
def held() -> Iterator[ExitStack]:
    """Sockets that are closed at the end."""
    with ExitStack() as sockets:
        yield sockets


def connect(server: RunningServer, held: ExitStack, *, buffer: int | None = None) -> socket.socket:
    connection = held.enter_context(socket.socket())
    if buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", server.port))
    return connection


def checks(server: RunningServer, credential: str) -> list[int]:
    """The statuses of checks that come on a connection each."""
    found = []
    for _ in range(CHECKS):
        with closing(HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
            connection.request("GET", "/v1/check", headers={"X-API-Key": credential})
            found.append(connection.getresponse().status)
    return found


def private_bytes(server: RunningServer) -> int:
    """Return the private memory of all workers."""
    found = [re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()) for pid in server.worker_pids()]
    return sum(int(match[1]) << 10 for match in found if match)


@pytest.mark.slow("waits until the server gives up on a client")
@pytest.mark.parametrize(
    "sent", [b"", b"GET /health HTTP/1.1\r\nHost: localhost\r\nA", b"POST /v1/verify HTTP/1.1\r\n"]
)
def test_silent_connections_are_closed(server: RunningServer, credential: str, held: ExitStack, sent: bytes) -> None:
    most = WORKERS * worker_limits(MIN_DESCRIPTORS).connections
    for _ in range(most + most // 2):
        connect(server, held).sendall(sent)
    assert checks(server, credential) == [204] * CHECKS
    assert "connections_closed" in server.log


def test_used_connection_outlives_silent_ones(server: RunningServer, credential: str, held: ExitStack) -> None:
    headers = {"X-API-Key": credential}
    with httpx.Client(base_url=server.url, headers=headers, timeout=20) as client:
        opened = []
        for _ in range(8):
            answer = client.get("/v1/check")
            opened.append(answer.extensions["network_stream"].get_extra_info("client_addr"))
            for _ in range(worker_limits(MIN_DESCRIPTORS).connections // 4):
                connect(server, held)
    assert len(set(opened)) == 1


def test_unread_responses_have_bounded_memory(server: RunningServer, credential: str, held: ExitStack) -> None:
    size = len(httpx.get(f"{server.url}{LARGE}").content)
    before, readers = private_bytes(server), 150
    for _ in range(readers):
        connect(server, held, buffer=2048).sendall(f"GET {LARGE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert checks(server, credential) == [204] * CHECKS
    # It comes behind them on the threads, so all of them have been answered.
    assert httpx.get(f"{server.url}/static/latchkey/page.css", timeout=20).status_code == 200
    assert readers * size > before / 2
    assert private_bytes(server) < 1.5 * before


def test_small_buffer_gets_complete_file(server: RunningServer, held: ExitStack) -> None:
    whole = httpx.get(f"{server.url}{LARGE}").content
    connection = connect(server, held, buffer=2048)
    connection.sendall(f"GET {LARGE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    received = b""
    while piece := connection.recv(8192):
        received += piece
    assert received.partition(b"\r\n\r\n")[2] == whole


def test_too_few_descriptors_are_an_error(server: RunningServer, tmp_path: Path) -> None:
    other = RunningServer(tmp_path, file_limit=(MIN_DESCRIPTORS - 1, MIN_DESCRIPTORS - 1))
    with pytest.raises(RuntimeError, match=f"The limit on open files is {MIN_DESCRIPTORS - 1}"):
        other.start()


def test_soft_limit_is_raised(server: RunningServer) -> None:
    assert {resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in server.worker_pids()} == {
        (MIN_DESCRIPTORS, MIN_DESCRIPTORS)
    }
