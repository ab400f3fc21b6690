"""The steward's heartbeat: a number that it raises while it works, where the process that started it can read it."""

import asyncio
import mmap
import struct
from collections.abc import Callable
from functools import cache
from time import monotonic
from typing import Final

BEAT_SECONDS: Final = 1.0
WORK_STANDS_AFTER_SECONDS: Final = 300.0
"""How long one step of a turn may take before the steward counts as hung: steps without batches read whole tables."""

_NUMBER: Final = struct.Struct("=Q")


class Heartbeat:
    """Counts beats in memory that this process shares with those that it forks."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, _NUMBER.size)

    def beats(self) -> int:
        """Return how many there were."""
        found: int = _NUMBER.unpack(self._page[:])[0]
        return found

    def beat(self) -> None:
        """Raise the number. One process does this."""
        self._page[:] = _NUMBER.pack(self.beats() + 1)

    async def keep(self, went_on_at: Callable[[], float], now: Callable[[], float] = monotonic) -> None:
        """Beat each second until cancelled, and stop beating while the work stands still, which last went on at
        `went_on_at`. Also an event loop that hangs, or a process that is stopped, beats no more.
        """
        while True:
            if now() - went_on_at() < WORK_STANDS_AFTER_SECONDS:
                self.beat()
            await asyncio.sleep(BEAT_SECONDS)


@cache
def default_heartbeat() -> Heartbeat:
    """The heartbeat of the steward that this process is, or has started."""
    return Heartbeat()
