"""Load at a rate: requests are sent when they are due, whatever became of those before them."""

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
    """`due` is when its request was to be sent, by the clock; `seconds` from then on until the answer was there:
    the wait for a free connection is the client's wait, too.
    """

    due: float
    seconds: float
    status: int


@dataclass(slots=True)
class _Connection:
    """`due` is when the request that is under way was due."""

    socket: socket.socket
    due: float = 0.0
    received: bytes = field(default=b"")


class Pace:
    """Sends `request` over the connections of `load`, so many a second by `clock`. One thread may use it."""

    def __init__(
        self, load: Load, request: bytes, per_second: int, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._request: Final = request
        self._per_second: Final = per_second
        self._clock: Final = clock
        self._idle = deque(_Connection(connection) for connection in load.connections)
        # select() waits for microseconds, epoll for whole milliseconds: as long as it is from one request to the next.
        self._selector = selectors.SelectSelector()
        for idle in self._idle:
            self._selector.register(idle.socket, selectors.EVENT_READ, data=idle)
        self._connections = len(self._idle)

    def run(self, goes_on: Callable[[], bool]) -> list[Answer]:
        """Sends for as long as `goes_on` says, and waits for what is under way then."""
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
        """Sends what is due; returns how many were sent since the beginning."""
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
