"""Load generator: keep-alive connections with one request in flight on each."""

import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from benchmarks.failure import CouldNotMeasure
from benchmarks.response import Response, parse

PATIENCE_SECONDS: Final = 10.0


def get_request(path: str, **fields: str) -> bytes:
    """Return the bytes of a GET request. Write names of header fields with underscores, such as `x_api_key`."""
    lines = [f"GET {path} HTTP/1.1", "host: 127.0.0.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


@dataclass(frozen=True, slots=True)
class Tally:
    """Responses by status, the seconds from the first request to the last response, and the seconds per response.

    `latencies` is in the order of the responses.
    """

    statuses: Counter[int]
    seconds: float
    latencies: tuple[float, ...] = ()


class Load:
    """Open connections to one server. Closing the object closes them."""

    # One thread without an event loop, because it shares the cores with the server.
    def __init__(self, connections: Sequence[socket.socket]) -> None:
        self._selector = selectors.DefaultSelector()
        self._sockets = connections
        for connection in connections:
            self._selector.register(connection, selectors.EVENT_READ, data=connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._selector.close()
        for connection in self._sockets:
            connection.close()

    @property
    def connections(self) -> Sequence[socket.socket]:
        """The connections. They still belong to this object, which closes them."""
        return self._sockets

    def fire(self, request: bytes, count: int) -> Tally:
        """Send the request `count` times over all connections; return the tally of the responses.

        Every connection sends its next request as soon as it has received a response. Raise CouldNotMeasure if the
        server closes a connection or doesn't respond in time.
        """
        statuses: Counter[int] = Counter()
        latencies: list[float] = []
        started = time.perf_counter()
        for response, seconds in self._exchange(request, count):
            statuses[response.status] += 1
            latencies.append(seconds)
        return Tally(statuses, time.perf_counter() - started, tuple(latencies))

    def bodies(self, request: bytes) -> list[bytes]:
        """Send the request once on every connection; return the bodies of the responses."""
        return [response.body for response, _ in self._exchange(request, len(self._sockets))]

    def _exchange(self, request: bytes, count: int) -> Iterator[tuple[Response, float]]:
        """Send the request `count` times; yield every response with the seconds that it took."""
        first = self._sockets[:count]
        sent: dict[socket.socket, float] = {}
        for connection in first:
            sent[connection] = time.perf_counter()
            connection.sendall(request)
        unsent, unanswered = count - len(first), count
        parts = dict.fromkeys(self._sockets, b"")
        while unanswered:
            for connection in self._readable():
                received = parts[connection] + receive(connection)
                response = parse(received)
                if response is None:
                    parts[connection] = received
                    continue
                parts[connection] = b""
                unanswered -= 1
                now = time.perf_counter()
                took, sent[connection] = now - sent[connection], now
                if unsent:
                    connection.sendall(request)
                    unsent -= 1
                yield response, took

    def _readable(self) -> list[socket.socket]:
        ready = self._selector.select(PATIENCE_SECONDS)
        if not ready:
            raise CouldNotMeasure(f"The server did not answer within {PATIENCE_SECONDS:g} s.")
        return [key.data for key, _ in ready]


def receive(connection: socket.socket) -> bytes:
    """Return the bytes that have arrived, at least one. Raise CouldNotMeasure if the server closed the connection."""
    data = connection.recv(65_536)
    if not data:
        raise CouldNotMeasure("The server closed a connection that was to be kept.")
    return data
