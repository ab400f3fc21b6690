"""Load at a constant rate: requests are sent on schedule, whether earlier ones got a response or not."""

import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from benchmarks.failure import CouldNotMeasure
from benchmarks.load import PATIENCE_SECONDS, Load, receive
from benchmarks.response import parse


class Answer(NamedTuple):
    """A response: the time at which its request was due, the seconds from then until it arrived, and its status."""

    # Measured from when the request was due, because waiting for a free connection is part of the client's wait.
    due: float
    seconds: float
    status: int


@dataclass(slots=True)
class _Connection:
    """A connection; `due` is when its current request was due."""

    socket: socket.socket
    due: float = 0.0
    received: bytes = field(default=b"")


class Pace:
    """Sender of `request` over the connections of `load`, `per_second` times per second by `clock`. Not thread-safe."""

    def __init__(
        self, load: Load, request: bytes, per_second: int, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._request: Final = request
        self._per_second: Final = per_second
        self._clock: Final = clock
        self._idle = deque(_Connection(connection) for connection in load.connections)
        # select() waits with microsecond precision, epoll in whole milliseconds, which is the time between requests.
        self._selector = selectors.SelectSelector()
        for idle in self._idle:
            self._selector.register(idle.socket, selectors.EVENT_READ, data=idle)
        self._connections = len(self._idle)

    def run(self, goes_on: Callable[[], bool]) -> list[Answer]:
        """Send while `goes_on` returns True, then wait for the outstanding responses; return all responses.

        Raise CouldNotMeasure if the server doesn't respond in time.
        """
        answers: list[Answer] = []
        began, sent = self._clock(), 0
        while (sending := goes_on()) or len(self._idle) < self._connections:
            if sending:
                sent = self._send(began, sent)
            waits = sending and bool(self._idle)
            patience = max(0.0, began + sent / self._per_second - self._clock()) if waits else PATIENCE_SECONDS
            ready = self._selector.select(patience)
            if not ready and not waits:
                raise CouldNotMeasure(f"The server did not answer within {PATIENCE_SECONDS:g} s.")
            for key, _ in ready:
                self._receive(key.data, answers)
        return answers

    def _send(self, began: float, sent: int) -> int:
        """Send the requests that are due; return how many were sent since the beginning."""
        now = self._clock()
        while self._idle and (due := began + sent / self._per_second) <= now:
            connection = self._idle.popleft()
            connection.due = due
            connection.socket.sendall(self._request)
            sent += 1
        return sent

    def _receive(self, connection: _Connection, answers: list[Answer]) -> None:
        connection.received += receive(connection.socket)
        response = parse(connection.received)
        if response is not None:
            connection.received = b""
            answers.append(Answer(connection.due, self._clock() - connection.due, response.status))
            self._idle.append(connection)
