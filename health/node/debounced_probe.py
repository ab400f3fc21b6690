"""Debounced probe of a store: whether it's down, although a single probe may be wrong."""

from typing import Final

LOOKS: Final = 2


class Pulse:
    """State of a store, which is up at first. It takes two probes in a row to change it, in either direction."""

    def __init__(self) -> None:
        self.out_since: float | None = None
        self._doubted_at = 0.0
        self._doubts = 0

    @property
    def doubtful(self) -> bool:
        """Return whether the last probe contradicted the state, and has to be confirmed."""
        return self._doubts > 0

    def saw(self, answers: bool, at: float) -> bool:
        """Record a probe at the time `at`, in seconds. Return whether it changed the store's state."""
        if answers is (self.out_since is None):
            self._doubts = 0
            return False
        if self._doubts == 0:
            self._doubted_at = at
        self._doubts += 1
        # One lost packet isn't an outage, and a store that comes and goes isn't back.
        if self._doubts < LOOKS:
            return False
        self._doubts = 0
        # The outage began with the first probe that failed, not with the one that confirmed it.
        self.out_since = None if answers else self._doubted_at
        return True
