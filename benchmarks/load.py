"""A closed-loop load generator: kept connections, each with one request under way at any moment."""

import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle
from statistics import quantiles
from typing import Final

from benchmarks.measurement import CouldNotMeasure
from tests.support.raw_http import Response, get_request, parse

TIMEOUT_SECONDS: Final = 10.0
_WORKER: Final = get_request("/worker")
_START_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Tally:
    """The number of responses by status, the seconds from the first request to the last response, and those that each
    response took.
    """

    statuses: Counter[int]
    seconds: float
    latencies: Sequence[float] = ()

    def percentile(self, percent: int) -> float:
        """Return the milliseconds within which that percentage of the responses arrived."""
        return quantiles(self.latencies, n=100, method="inclusive")[percent - 1] * 1000


class Load:
    """Open connections to one server. One thread without an event loop, because it shares the cores with the server."""

    def __init__(self, connections: Sequence[socket.socket]) -> None:
        self.connections: Final = connections
        self._selector = selectors.DefaultSelector()
        for connection in connections:
            self._selector.register(connection, selectors.EVENT_READ, data=connection)

    def send(self, request: bytes | Sequence[bytes], count: int) -> Tally:
        """Send `count` requests, those of a sequence in turn, over all connections, each on the first that has its
        response.
        """
        started = time.perf_counter()
        statuses, latencies = Counter[int](), []
        for response, seconds in self._exchange(request, count):
            statuses[response.status] += 1
            latencies.append(seconds)
        return Tally(statuses, time.perf_counter() - started, latencies)

    def send_all(self, request: bytes | Sequence[bytes], count: int, *, status: int) -> Tally:
        """As `send`. Raises CouldNotMeasure if a response has another status."""
        tally = self.send(request, count)
        if tally.statuses[status] != count:
            raise CouldNotMeasure(f"The statuses of the responses were {dict(tally.statuses)}.")
        return tally

    def workers(self) -> list[int]:
        """Return the ids of the processes that serve the connections."""
        return sorted({int(response.body) for response, _ in self._exchange(_WORKER, len(self.connections))})

    def _exchange(self, request: bytes | Sequence[bytes], count: int) -> Iterator[tuple[Response, float]]:
        """Yield each response, and the seconds after which it had arrived."""
        following = cycle([request] if isinstance(request, bytes) else request)
        first, sent_at = self.connections[:count], dict.fromkeys(self.connections, 0.0)
        for connection in first:
            sent_at[connection] = time.perf_counter()
            connection.sendall(next(following))
        unsent, pending = count - len(first), count
        parts = dict.fromkeys(self.connections, b"")
        while pending:
            for connection in self._readable():
                parts[connection] += receive(connection)
                response = parse(parts[connection])
                if response is None:
                    continue
                parts[connection] = b""
                pending -= 1
                began, now = sent_at[connection], time.perf_counter()
                if unsent:
                    sent_at[connection] = now
                    connection.sendall(next(following))
                    unsent -= 1
                yield response, now - began

    def _readable(self) -> list[socket.socket]:
        ready = self._selector.select(TIMEOUT_SECONDS)
        if not ready:
            raise CouldNotMeasure(f"The server did not respond within {TIMEOUT_SECONDS:g} s.")
        return [key.data for key, _ in ready]


@contextmanager
def connect(port: int, *, workers: int, connections: int) -> Iterator[Load]:
    """Connect to a server that may just be starting, with the same number of connections to each worker.

    The first worker that is ready would accept them all, and a rate would then be that of one worker. So connections
    beyond a worker's share are closed and opened again, until all workers have theirs.
    """
    share = connections // workers
    kept: dict[int, list[socket.socket]] = {}
    deadline = time.monotonic() + _START_SECONDS
    try:
        while sum(map(len, kept.values())) < share * workers:
            if time.monotonic() > deadline:
                raise CouldNotMeasure(f"{workers} workers did not accept {share} connections each.")
            with suppress(OSError):
                _add(kept, share, port, connections)
            time.sleep(_POLL_SECONDS)
        yield Load([connection for held in kept.values() for connection in held])
    finally:
        for held in kept.values():
            close_all(held)


def workers_of(port: int, workers: int) -> list[int]:
    """Return the ids of the processes that serve a port, once all of them do."""
    with connect(port, workers=workers, connections=workers) as load:
        return load.workers()


def _add(kept: dict[int, list[socket.socket]], share: int, port: int, number: int) -> None:
    """Open so many connections together, so that no worker is idle and accepts the next, and keep those that a worker's
    share lacks.
    """
    opened: list[socket.socket] = []
    try:
        for _ in range(number):
            connection = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
            opened.append(connection)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(_WORKER)
        for connection in list(opened):
            received = b""
            while (response := parse(received)) is None:
                received += receive(connection)
            held = kept.setdefault(int(response.body), [])
            if len(held) < share:
                held.append(connection)
                opened.remove(connection)
    finally:
        close_all(opened)


def receive(connection: socket.socket) -> bytes:
    """Return what has arrived, at least one byte."""
    data = connection.recv(65_536)
    if not data:
        raise CouldNotMeasure("The server closed a connection that it should keep.")
    return data


def close_all(connections: Iterable[socket.socket]) -> None:
    for connection in connections:
        connection.close()
