"""Clients of a flood. One thread with epoll runs them all, because they share the cores with the server."""

import heapq
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from benchmarks.floods.flood import Flood
from benchmarks.response import parse

_OPENING_SECONDS: Final = 5.0
_CONNECT_SECONDS: Final = 0.5
_CHUNK: Final = 1 << 18
# Close to the minimum that Linux allows: with a small receive buffer, the server must hold the rest of the response.
_BUFFER_BYTES: Final = 2048


@dataclass(slots=True)
class _Client:
    """A client with an open connection.

    `sent` is when its last request was sent, by `time.monotonic`. `waits` is whether its response is outstanding.
    """

    number: int
    socket: socket.socket
    sent: float = 0.0
    waiting: bool = False
    received: bytes = field(default=b"")


class Attack:
    """A flood against a port of 127.0.0.1."""

    def __init__(self, flood: Flood, port: int) -> None:
        self._flood: Final = flood
        self._port: Final = port
        self._requests: Final = flood.requests(port)
        self._clients: dict[int, _Client] = {}
        self._by_descriptor: dict[int, _Client] = {}
        self._due: list[tuple[float, int]] = []
        self._last_return = 0.0
        self._epoll: Final = select.epoll()

    def run(self, on: Callable[[], None], control: int) -> None:
        """Open the connections, call `on`, and attack until the descriptor `control` is readable or closed."""
        self._open_all()
        on()
        self._epoll.register(control, select.EPOLLIN)
        while self._go_on(control):
            while self._due and self._due[0][0] <= time.monotonic():
                self._act(heapq.heappop(self._due)[1])
        self._epoll.close()
        for client in self._clients.values():
            client.socket.close()

    def _go_on(self, control: int) -> bool:
        """Handle events until the next client is due; return whether the attack should continue."""
        patience = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
        ready = [descriptor for descriptor, _ in self._epoll.poll(patience)]
        for descriptor in ready:
            if descriptor != control:
                self._attend(self._by_descriptor[descriptor])
        return control not in ready

    def _open_all(self) -> None:
        """Open the connections, and schedule the clients' next steps."""
        # With a deadline, because a server that accepts no more connections must not stop the flood.
        flood, ends = self._flood, time.monotonic() + _OPENING_SECONDS
        for number in range(flood.connections):
            if time.monotonic() < ends:
                self._open(number)
                time.sleep(1 / flood.opened_per_second)
        now = time.monotonic()
        for number in range(flood.connections):
            # A client that doesn't read already sent its request when its connection was opened.
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
        """Open a connection if the server accepts it. A client that doesn't read sends its request immediately."""
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
        # A client that doesn't read still needs to know when the server disconnects it.
        self._epoll.register(connection, select.EPOLLRDHUP | (select.EPOLLIN if self._flood.reads else 0))
        if not self._flood.reads:
            self._send(client)

    def _send(self, client: _Client) -> None:
        client.sent, client.waiting, client.received = time.monotonic(), True, b""
        # Ignored here, because epoll reports the end of the connection.
        with suppress(OSError):
            client.socket.sendall(next(self._requests))

    def _attend(self, client: _Client) -> None:
        """Read what has arrived, if the client reads; close the connection if it has ended."""
        received = b""
        with suppress(OSError):
            received = client.socket.recv(_CHUNK) if self._flood.reads else b""
        if not received:
            self._close(client)
            return
        client.received += received
        if client.waiting and parse(client.received) is not None:
            client.waiting = False
            self._send_later(client.number, client.sent)

    def _close(self, client: _Client) -> None:
        del self._clients[client.number], self._by_descriptor[client.socket.fileno()]
        client.socket.close()
        if client.waiting:
            self._send_later(client.number, client.sent)

    def _send_later(self, number: int, sent: float | None = None) -> None:
        """Schedule the next request of a client, as early as the flood's pace allows.

        `sent` is when its last request was sent, or None if it couldn't connect.
        """
        now, flood = time.monotonic(), self._flood
        if flood.reads:
            when = now + flood.pause_seconds if sent is None else max(now, sent + flood.pause_seconds)
        else:
            when = self._last_return = max(now, self._last_return) + 1 / flood.per_second
        heapq.heappush(self._due, (when, number))
