"""The drain of a rotation: how long the retiring secret has been quiet, and whether it can end."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

SHORTEST_POLL_SECONDS: Final = 0.2
LONGEST_POLL_SECONDS: Final = 10.0


@dataclass(slots=True)
class Drain:
    """Counts from the moment at which a use was first seen here, by a clock that only goes on: what the clocks of two
    machines say of each other does not matter. `quiet_seconds` is how long the secret has to be quiet.
    """

    quiet_seconds: float
    since: float
    last_used_at: datetime | None

    def observe(self, last_used_at: datetime | None, now: float) -> float:
        """The seconds for which it has been quiet at `now` (of a monotonic clock)."""
        if last_used_at != self.last_used_at:
            self.last_used_at = last_used_at
            self.since = now
        return now - self.since

    def over(self, now: float) -> bool:
        """Whether it was quiet for long enough."""
        return now - self.since >= self.quiet_seconds

    @property
    def poll_seconds(self) -> float:
        """How often to look: often enough for the eye and for the end, and no more, as each look costs a token."""
        return min(max(self.quiet_seconds / 20, SHORTEST_POLL_SECONDS), LONGEST_POLL_SECONDS)
