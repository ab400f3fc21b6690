"""Warnings about clients, of which there may be thousands a second: counted, and logged a few times a minute."""

import time
from collections.abc import Callable
from typing import Final

EVERY_SECONDS: Final = 10.0


class SummaryLog:
    """Calls `log` with the number of times since the last call, at most once every EVERY_SECONDS, the first time
    without delay. `clock` returns seconds.
    """

    def __init__(self, log: Callable[[int], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._count = 0
        self._due = clock()

    def add(self, count: int) -> None:
        """Count `count` more, and log if that is due."""
        self._count += count
        now = self._clock()
        if now >= self._due:
            self._log(self._count)
            self._count = 0
            self._due = now + EVERY_SECONDS
