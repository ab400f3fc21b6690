"""Deadlines of calls: the steps of an attempt share one time."""

import time
from typing import Final

_STEPS: Final = ("pool", "connect", "write", "read")
# A timeout of 0 would make a socket non-blocking. This one is over as soon as it is waited for.
_SHORTEST_SECONDS: Final = 0.001


class Deadline(dict[str, float]):
    """The time that is left, in seconds, as httpx's extension `timeout`: each step of a request reads its value when it
    begins, so all of them end at the same moment.

    Two things are not bounded by it, as a blocking socket cannot: the look-up of a name (DNS), and a header that comes
    byte by byte.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(dict.fromkeys(_STEPS, seconds))
        self._ends_at = time.monotonic() + seconds

    def get(self, key: str, default: object = None) -> float:
        """Return what is left now, whatever the step."""
        return max(self._ends_at - time.monotonic(), _SHORTEST_SECONDS)

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return time.monotonic() > self._ends_at
