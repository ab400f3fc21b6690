"""Heartbeat of the steward: a number that it raises while it works, readable by the process that started it."""

import asyncio
import mmap
import struct
from collections.abc import Callable
from functools import cache
from time import monotonic
from typing import Final

BEAT_SECONDS: Final = 1.0
WORK_STANDS_AFTER_SECONDS: Final = 300.0
"""How long one step of a run may take before the steward counts as hung. Steps without batches read whole tables."""

_NUMBER: Final = struct.Struct("=Q")


class Heartbeat:
    """Counter in memory that this process shares with the processes that it forks."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, _NUMBER.size)

    def beats(self) -> int:
        """Return the number of beats so far."""
        found: int = _NUMBER.unpack(self._page[:])[0]
        return found

    def beat(self) -> None:
        """Raise the number. Only one process may do this."""
        self._page[:] = _NUMBER.pack(self.beats() + 1)

    async def keep(self, went_on_at: Callable[[], float], now: Callable[[], float] = monotonic) -> None:
        """Beat each second until cancelled, but only while the work makes progress.

        `went_on_at` returns when it last did, by the clock `now`.
        """
        while True:
            # An event loop that hangs and a process that is stopped don't get here, so they don't beat either.
            if now() - went_on_at() < WORK_STANDS_AFTER_SECONDS:
                self.beat()
            await asyncio.sleep(BEAT_SECONDS)


@cache
def default_heartbeat() -> Heartbeat:
    """Return the heartbeat of the steward that this process is, or has started."""
    return Heartbeat()
