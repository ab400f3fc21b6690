"""Drain of a rotation: measures for how long only the new secret has been in use."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from latchkey.rotation import RotationProgress, RotationState

SHORTEST_POLL_SECONDS: Final = 0.2
LONGEST_POLL_SECONDS: Final = 10.0


@dataclass(slots=True)
class Drain:
    """Measurement of a drain, by a monotonic clock.

    `quiet_seconds` is for how long only the new secret has to be in use. `since` is the time at which
    the watch began, or the old secret was last seen in use. With `even_if_unused`, the new secret counts
    as used from then on.
    """

    quiet_seconds: float
    since: float
    old_used_at: datetime | None
    even_if_unused: bool = False
    _new_seen: float | None = field(init=False)

    def __post_init__(self) -> None:
        self._new_seen = self.since if self.even_if_unused else None

    def observe(self, old_used_at: datetime | None, new_used_at: datetime | None, now: float) -> RotationProgress:
        """Return the progress at `now` (of a monotonic clock), given when the secrets were last used."""
        # Count from when a use was first seen here: the clocks of the two machines don't have to agree.
        if old_used_at != self.old_used_at:
            self.old_used_at = old_used_at
            self.since = now
        if self._new_seen is None and new_used_at is not None:
            self._new_seen = now
        return RotationProgress(
            new_first_used=None if self._new_seen is None else now - self._new_seen, old_last_used=now - self.since
        )

    def is_complete(self, progress: RotationProgress) -> bool:
        """Return whether the old secret can end."""
        return progress.state(self.quiet_seconds) is RotationState.READY

    @property
    def poll_seconds(self) -> float:
        """Return the seconds between two polls: 1/20 of `quiet_seconds`, but 0.2 at least and 10 at most."""
        # Often enough for the display and for the end, and no more: each poll costs a token.
        return min(max(self.quiet_seconds / 20, SHORTEST_POLL_SECONDS), LONGEST_POLL_SECONDS)
