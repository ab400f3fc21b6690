"""The drain of a rotation, as it is watched: for how long the new secret has been in use alone."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from latchkey.rotation import RotationProgress, RotationState

SHORTEST_POLL_SECONDS: Final = 0.2
LONGEST_POLL_SECONDS: Final = 10.0


@dataclass(slots=True)
class Drain:
    """Counts from the moment at which a use was first seen here, by a monotonic clock: the clocks of two machines don't
    have to agree. `quiet_seconds` is how long the new secret has to be in use alone; `even_if_unused` counts as if it
    had been used when the watch began, at `since`.
    """

    quiet_seconds: float
    since: float
    old_used_at: datetime | None
    even_if_unused: bool = False
    _new_seen: float | None = field(init=False)

    def __post_init__(self) -> None:
        self._new_seen = self.since if self.even_if_unused else None

    def observe(self, old_used_at: datetime | None, new_used_at: datetime | None, now: float) -> RotationProgress:
        """Return the progress at `now` (of a monotonic clock), if the secrets were last used at these times."""
        if old_used_at != self.old_used_at:
            self.old_used_at = old_used_at
            self.since = now
        if self._new_seen is None and new_used_at is not None:
            self._new_seen = now
        return RotationProgress(
            new_first_used=None if self._new_seen is None else now - self._new_seen, old_last_used=now - self.since
        )

    def over(self, progress: RotationProgress) -> bool:
        """Whether the old secret can end."""
        return progress.state(self.quiet_seconds) is RotationState.READY

    @property
    def poll_seconds(self) -> float:
        """How often to look: often enough for the eye and for the end, and no more, as each look costs a token."""
        return min(max(self.quiet_seconds / 20, SHORTEST_POLL_SECONDS), LONGEST_POLL_SECONDS)
