"""Numbered runs of take.lua, so that one that was given up is not executed later, or is at least known to have been."""

from struct import Struct
from time import monotonic_ns
from typing import Final, NamedTuple

from ratelimit.limit import NS_PER_SECOND

CLOSED: Final = 1 << 53
"""The number that ends a line: a run with a lower one does nothing."""
_RUN: Final = Struct("<QQI")
_NO_DEADLINE_NS: Final = (1 << 33) * NS_PER_SECOND


class Run(NamedTuple):
    """One run: the name of its line in Redis, its number there, from 1 on, when it was sent, by this process' monotonic
    clock in nanoseconds, and until when it may be executed, by Redis' clock.
    """

    line: bytes
    number: int
    sent_ns: int
    deadline_ns: int

    def argument(self) -> bytes:
        """The run as take.lua gets it."""
        return _RUN.pack(self.number, *divmod(self.deadline_ns, NS_PER_SECOND))


class Line:
    """The runs of one connection, or of one thread: Redis gets them in the order of their numbers, and keeps the last
    number. A line ends with the first run that gets no response.

    Redis' clock is known from the last response: it showed that time at some moment after that run was sent. So a
    deadline is too late by at most the time that this run took, and never too early, unless Redis' clock was set.
    """

    def __init__(self, name: bytes, timeout: float | None) -> None:
        self._name = name
        self._timeout_ns = None if timeout is None else int(timeout * NS_PER_SECOND)
        self._number = 0
        self._allowed_ns: int | None = None

    def next_run(self) -> Run:
        """Return the next run, which is to be sent now."""
        self._number += 1
        now_ns = monotonic_ns()
        deadline_ns = _NO_DEADLINE_NS if self._allowed_ns is None else now_ns + self._allowed_ns
        return Run(self._name, self._number, now_ns, deadline_ns)

    def heard(self, run: Run, server_ns: int) -> None:
        """Note the time of Redis that the response to a run told."""
        if self._timeout_ns is not None:
            self._allowed_ns = server_ns - run.sent_ns + self._timeout_ns
