"""Deadlines of calls: the steps of an attempt share one time."""

import time
from typing import Final

_STEPS: Final = ("pool", "connect", "write", "read")
# A timeout of 0 would make a socket non-blocking. This one ends as soon as something waits for it.
_SHORTEST_SECONDS: Final = 0.001


class Deadline(dict[str, float]):
    """Time that is left, in seconds, as httpx's extension `timeout`.

    Each step of a request reads its value when it begins, so all of them end at the same time. Two things
    aren't bounded, because a blocking socket can't do that: the lookup of a name (DNS), and a header that
    arrives byte by byte.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(dict.fromkeys(_STEPS, seconds))
        self._ends_at = time.monotonic() + seconds

    def get(self, key: str, default: object = None) -> float:
        """Return the seconds that are left now, whatever the step."""
        # httpx looks up a step's timeout with get() when the step begins.
        return max(self._ends_at - time.monotonic(), _SHORTEST_SECONDS)

    @property
    def expired(self) -> bool:
        """Return whether no time is left."""
        return time.monotonic() > self._ends_at
