"""Debounced probe of a store: whether it's down, although a single probe may be wrong."""

from typing import Final

PROBES_TO_CONFIRM: Final = 2


class DebouncedProbe:
    """State of a store, which is up at first. It takes two probes in a row to change it, in either direction."""

    def __init__(self) -> None:
        self.down_since: float | None = None
        self._contradicted_at = 0.0
        self._contradictions = 0

    @property
    def is_unconfirmed(self) -> bool:
        """Return whether the last probe contradicted the state, and has to be confirmed."""
        return self._contradictions > 0

    def record(self, responds: bool, at: float) -> bool:
        """Record a probe at the time `at`, in seconds. Return whether it changed the store's state."""
        if responds is (self.down_since is None):
            self._contradictions = 0
            return False
        if self._contradictions == 0:
            self._contradicted_at = at
        self._contradictions += 1
        # One lost packet isn't an outage, and a store that comes and goes isn't back.
        if self._contradictions < PROBES_TO_CONFIRM:
            return False
        self._contradictions = 0
        # The outage began with the first probe that failed, not with the one that confirmed it.
        self.down_since = None if responds else self._contradicted_at
        return True
