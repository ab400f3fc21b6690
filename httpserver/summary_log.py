"""Summarized warnings about clients: there may be thousands of events a second, so they are counted together."""

import time
from collections.abc import Callable
from typing import Final

EVERY_SECONDS: Final = 10.0


class SummaryLog:
    """Counter that calls `log` with the number of events since the last call, at most once every EVERY_SECONDS.

    The first event is logged without delay. `clock` returns seconds.
    """

    def __init__(self, log: Callable[[int], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._count = 0
        self._due = clock()

    def add(self, count: int) -> None:
        """Count `count` more events, and log the total if that is due."""
        self._count += count
        now = self._clock()
        if now >= self._due:
            self._log(self._count)
            self._count = 0
            self._due = now + EVERY_SECONDS
