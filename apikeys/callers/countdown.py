"""Countdown to the next sample among the requests of a key."""

from random import randrange
from typing import Final

_PAUSE: Final = 100
_DENSITY: Final = 16


class Countdown:
    """Count of a key's requests, of which `left` follow before the next sample. `gap` is what that sample counts for.

    A request decrements `left`, and is a sample if `left` is below 0 then. The fast path does that itself, because a
    call would cost more.
    """

    __slots__ = ("gap", "left")

    def __init__(self, missed: int = 0) -> None:
        self.gap = missed + 1
        self.left = 0

    @property
    def missed(self) -> int:
        """Return how many requests no sample has counted for yet."""
        # Of a gap that starts with requests of an earlier countdown, none is left at the beginning.
        return self.gap - 1 - self.left

    def carried(self) -> "Countdown":
        """Return a countdown whose next request is a sample, which counts for the missed ones too."""
        return Countdown(self.missed)

    def restart(self, sampled: int) -> None:
        """Begin the gap after a sample. `sampled` is how many requests of the key samples count for so far.

        Gaps grow with that number, so n requests take about 16 + 16 ln(n / 16) samples.
        """
        # Random, because a fixed gap would keep in step with callers that take turns.
        self.gap = 1 + randrange(1 + sampled // _DENSITY * 2)  # noqa: S311 - not a secret
        self.left = self.gap - 1

    def postpone(self) -> None:
        """Only count the next _PAUSE requests. The sample after them counts for the missed ones too."""
        self.gap, self.left = self.gap + _PAUSE, _PAUSE - 1
