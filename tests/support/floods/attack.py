"""The clients of a flood: one thread and one epoll, because they share the cores with the server."""

import heapq
import resource
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tests.support.floods.kinds import FLOODS, Flood
from tests.support.raw_http import parse

_ROOT: Final = Path(__file__).parents[3]
_OPENING_SECONDS: Final = 5.0
_CONNECT_SECONDS: Final = 0.5
_CHUNK: Final = 1 << 18
# The least that Linux grants a client that reads nothing, so that the server keeps the rest.
_BUFFER_BYTES: Final = 2048


@dataclass(slots=True)
class _Client:
    """`sent`, by `monotonic`, is when its last request was sent, and `waits` whether the response is due."""

    number: int
    socket: socket.socket
    sent: float = 0.0
    waits: bool = False
    received: bytes = field(default=b"")


class Attack:
    """Runs a flood against a port of 127.0.0.1."""

    def __init__(self, flood: Flood, port: int) -> None:
        self._flood: Final = flood
        self._port: Final = port
        self._requests: Final = flood.requests(port)
        self._clients: dict[int, _Client] = {}
        self._by_descriptor: dict[int, _Client] = {}
        self._due: list[tuple[float, int]] = []
        self._last_return = 0.0
        self._epoll: Final = select.epoll()

    def run(self, on_open: Callable[[], None], control: int) -> None:
        """Open the connections, call `on_open`, and attack until the descriptor `control` is readable or closed."""
        self._open_all()
        on_open()
        self._epoll.register(control, select.EPOLLIN)
        while self._should_continue(control):
            while self._due and self._due[0][0] <= time.monotonic():
                self._act(heapq.heappop(self._due)[1])
        self._epoll.close()
        for client in self._clients.values():
            client.socket.close()

    def _should_continue(self, control: int) -> bool:
        """Handle what arrives until a client is due. Return False once `control` is ready."""
        timeout = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
        ready = [descriptor for descriptor, _ in self._epoll.poll(timeout)]
        for descriptor in ready:
            if descriptor != control:
                self._receive(self._by_descriptor[descriptor])
        return control not in ready

    def _open_all(self) -> None:
        """Open what can be opened in some seconds: a server that accepts no more does not stop the flood."""
        flood, ends = self._flood, time.monotonic() + _OPENING_SECONDS
        for number in range(flood.connections):
            if time.monotonic() < ends:
                self._open(number)
                time.sleep(1 / flood.opened_per_second)
        now = time.monotonic()
        for number in range(flood.connections):
            if flood.reads:
                self._due.append((now if flood.together else now + number / flood.per_second, number))
            elif number not in self._clients:
                self._send_later(number)
        heapq.heapify(self._due)

    def _act(self, number: int) -> None:
        if number not in self._clients:
            self._open(number)
        if number not in self._clients:
            self._send_later(number)
        elif self._flood.reads:
            self._send(self._clients[number])

    def _open(self, number: int) -> None:
        """Open a connection, if the server accepts it. A client that does not read sends its request immediately."""
        connection = socket.socket()
        try:
            connection.settimeout(_CONNECT_SECONDS)
            if not self._flood.reads:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
            connection.bind((self._flood.address(number), 0))
            connection.connect(("127.0.0.1", self._port))
        except OSError:
            connection.close()
            return
        connection.setblocking(False)
        client = self._clients[number] = self._by_descriptor[connection.fileno()] = _Client(number, connection)
        self._epoll.register(connection, select.EPOLLRDHUP | (select.EPOLLIN if self._flood.reads else 0))
        if not self._flood.reads:
            self._send(client)

    def _send(self, client: _Client) -> None:
        client.sent, client.waits, client.received = time.monotonic(), True, b""
        with suppress(OSError):  # epoll reports the end of the connection
            client.socket.sendall(next(self._requests))

    def _receive(self, client: _Client) -> None:
        """Read what the client reads; its connection may also have ended."""
        received = b""
        with suppress(OSError):
            received = client.socket.recv(_CHUNK) if self._flood.reads else b""
        if not received:
            self._close(client)
            return
        client.received += received
        if client.waits and parse(client.received) is not None:
            client.waits = False
            self._send_later(client.number, client.sent)

    def _close(self, client: _Client) -> None:
        del self._clients[client.number], self._by_descriptor[client.socket.fileno()]
        client.socket.close()
        if client.waits:
            self._send_later(client.number, client.sent)

    def _send_later(self, number: int, sent: float | None = None) -> None:
        """Have a client, which sent its last request at `sent`, send again as soon as the flood's rate allows."""
        now, flood = time.monotonic(), self._flood
        if flood.reads:
            when = now + flood.pause_seconds if sent is None else max(now, sent + flood.pause_seconds)
        else:
            when = self._last_return = max(now, self._last_return) + 1 / flood.per_second
        heapq.heappush(self._due, (when, number))


@contextmanager
def attack(flood: Flood, port: int) -> Iterator[None]:
    """Run the flood in its own process, from when its connections are open until the end of the context.

    Raises RuntimeError if the attackers end before that.
    """
    arguments = [flood.name, str(flood.connections), str(flood.per_second), str(port)]
    command, pipe = [sys.executable, "-m", "tests.support.floods.attack", *arguments], subprocess.PIPE
    with subprocess.Popen(command, cwd=_ROOT, stdin=pipe, stdout=pipe, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline():
                yield
            if process.poll() is not None:
                raise RuntimeError(f"The attackers of {flood.name} ended.")
        finally:
            process.kill()


def main(name: str, connections: int, per_second: int, port: int) -> None:
    """Attack with as many descriptors as this process may have. Print a line once the connections are open, and end with
    standard input.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    flood = next(flood for flood in FLOODS if flood.name == name)
    clients = Attack(replace(flood, connections=connections, per_second=per_second), port)
    clients.run(lambda: print("open", flush=True), sys.stdin.fileno())


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
