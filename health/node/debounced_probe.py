"""The pulse of a store: whether it is out, by looks of which a single one may err."""

from typing import Final

LOOKS: Final = 2


class Pulse:
    """Takes a store for alive at first. It takes two looks in a row that say otherwise to change that, either way: one
    packet that got lost is no outage, and a store that comes and goes is not back.
    """

    def __init__(self) -> None:
        self.out_since: float | None = None
        self._doubted_at = 0.0
        self._doubts = 0

    @property
    def doubtful(self) -> bool:
        """Whether the last look said otherwise, and has to be confirmed."""
        return self._doubts > 0

    def saw(self, answers: bool, at: float) -> bool:
        """Notes a look at the time `at`, in seconds; whether it changed the store's state."""
        if answers is (self.out_since is None):
            self._doubts = 0
            return False
        if self._doubts == 0:
            self._doubted_at = at
        self._doubts += 1
        if self._doubts < LOOKS:
            return False
        self._doubts = 0
        self.out_since = None if answers else self._doubted_at
        return True
