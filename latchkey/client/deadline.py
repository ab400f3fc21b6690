"""Deadlines of calls: the steps of an attempt share one time."""

import time
from typing import Final

_STEPS: Final = ("pool", "connect", "write", "read")
# A timeout of 0 would make a socket non-blocking. This one ends as soon as something waits for it.
_SHORTEST_SECONDS: Final = 0.001


class Deadline(dict[str, float]):
    """Time that is left, in seconds, as httpx's extension `timeout`.

    Each step of a request reads its value when it begins, so all of them end at the same time. A lookup of a name
    (DNS) that blocks isn't bounded, and neither is a header that httpx reads byte by byte. `ends_at` is the end of the
    time, in seconds of the monotonic clock.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(dict.fromkeys(_STEPS, seconds))
        self.ends_at = time.monotonic() + seconds

    def get(self, key: str, default: object = None) -> float:
        """Return the seconds that are left now, whatever the step."""
        # httpx looks up a step's timeout with get() when the step begins.
        return self.remaining

    @property
    def remaining(self) -> float:
        """Return the seconds that are left, at least a moment."""
        return max(self.ends_at - time.monotonic(), _SHORTEST_SECONDS)

    @property
    def expired(self) -> bool:
        """Return whether no time is left."""
        return time.monotonic() > self.ends_at
