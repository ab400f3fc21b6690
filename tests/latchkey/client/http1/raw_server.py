"""A server that answers with bytes as told, for what no HTTP library would send."""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from tests.support.threaded_server import served

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: r\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class RawServer:
    """`requests` are those of each connection, in the order in which the connections were accepted."""

    port: int = 0
    requests: list[list[bytes]] = field(default_factory=list)
    by_connection: dict[socket.socket, list[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def requests_of(self, connection: socket.socket) -> list[bytes]:
        """The requests on one connection."""
        return self.by_connection[connection]

    @property
    def calls(self) -> int:
        """How many requests came."""
        return sum(map(len, self.requests))


Answer = Callable[[socket.socket], object]


def sending(*parts: bytes, closes: bool = False) -> Answer:
    """An answer in these parts, after which the connection ends if `closes`."""

    def answer(connection: socket.socket) -> bool:
        for part in parts:
            connection.sendall(part)
        return closes

    return answer


@contextmanager
def raw_server(answer: Answer) -> Iterator[RawServer]:
    """Serves each request with `answer`, which is called with its connection. A true result ends the connection."""
    found = RawServer()
    lock = Lock()

    def handle(connection: socket.socket) -> None:
        with lock:
            requests: list[bytes] = []
            found.requests.append(requests)
            found.by_connection[connection] = requests
        while request := _request(connection):
            requests.append(request)
            if answer(connection):
                return

    with served(handle) as found.port:
        yield found


def _request(connection: socket.socket) -> bytes:
    """The next request, or nothing once the client has closed the connection."""
    received = b""
    while not _is_complete(received):
        try:
            data = connection.recv(65536)
        except OSError:
            return b""
        if not data:
            return b""
        received += data
    return received


def _is_complete(received: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    return bool(end) and len(body) == int(length[1] if length else 0)
