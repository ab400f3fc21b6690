"""Numbered calls of take.lua. A call that the caller gave up on is not executed later, or is at least known to have
been.
"""

from struct import Struct
from time import monotonic_ns
from typing import Final, NamedTuple

from ratelimit.limit import NS_PER_SECOND

CLOSED: Final = 1 << 53
"""The number that closes a sequence: calls with a lower number do nothing."""
_CALL: Final = Struct("<QQI")
_NO_DEADLINE_NS: Final = (1 << 33) * NS_PER_SECOND


class ScriptCall(NamedTuple):
    """One call of take.lua.

    `sequence` is the name of its sequence in Redis, and `number` its number there, from 1. `sent_ns` is when it was
    sent, by this process' monotonic clock. `deadline_ns` is until when Redis may execute it, by Redis' clock. Both
    are in nanoseconds.
    """

    sequence: bytes
    number: int
    sent_ns: int
    deadline_ns: int

    def argument(self) -> bytes:
        """Return the call as an argument for take.lua."""
        return _CALL.pack(self.number, *divmod(self.deadline_ns, NS_PER_SECOND))


class CallSequence:
    """Sequence of the calls of one connection or one thread.

    Redis receives them in the order of their numbers and keeps the last number. A sequence ends with the first call
    that gets no response.

    The clock of Redis is known from the last response: it showed that time at some moment after the call was sent.
    So a deadline is never too early, and too late by at most the time which that call took, unless the clock of
    Redis was set.
    """

    def __init__(self, name: bytes, timeout: float | None) -> None:
        self._name = name
        self._timeout_ns = None if timeout is None else int(timeout * NS_PER_SECOND)
        self._number = 0
        self._clock_offset_ns: int | None = None

    def next_call(self) -> ScriptCall:
        """Return the next call, which has to be sent immediately."""
        self._number += 1
        now_ns = monotonic_ns()
        # Before the first response the clock of Redis is unknown, so the first call has no deadline.
        deadline_ns = _NO_DEADLINE_NS if self._clock_offset_ns is None else now_ns + self._clock_offset_ns
        return ScriptCall(self._name, self._number, now_ns, deadline_ns)

    def record_server_time(self, call: ScriptCall, server_ns: int) -> None:
        """Record the time of Redis from the response to a call."""
        if self._timeout_ns is not None:
            self._clock_offset_ns = server_ns - call.sent_ns + self._timeout_ns
