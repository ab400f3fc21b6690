"""Progress of a rotation: the one rule for when a key's old secret can end.

The admin, the management commands and the remote CLI use it, so none of them ends a secret that is still
the only one in use.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_GRACE_SECONDS: Final = 2_592_000
"""How long an old secret can stay valid after a rotation, at most: 30 days."""
DEFAULT_GRACE_SECONDS: Final = 86_400
"""How long an old secret stays valid after a rotation, unless the caller names another time: 1 day."""
QUIET_SECONDS: Final = 3600.0
"""For how many seconds only the new secret has to be in use, unless the caller names another time."""


class RotationState(StrEnum):
    """Stage of a rotation: how far the users of a key have switched to its new secret."""

    UNUSED = "unused"
    IN_USE = "in-use"
    SETTLING = "settling"
    READY = "ready"


NOT_READY_REASONS: Final = {
    RotationState.UNUSED: "The new secret has never been used.",
    RotationState.IN_USE: "The old secret was used within the last hour.",
    RotationState.SETTLING: "The new secret was first used less than an hour ago.",
}
"""Reasons why a rotation isn't ready to be finished, worded for `QUIET_SECONDS`."""


@dataclass(frozen=True, slots=True)
class RotationProgress:
    """Use of a key's two secrets: seconds since the new one was first used, and since the old one was last used.

    None stands for a secret that was never used.
    """

    new_first_used: float | None
    old_last_used: float | None

    @property
    def quiet_seconds(self) -> float | None:
        """Return for how many seconds only the new secret has been in use, or None if it was never used."""
        # Before the first use of the new secret, an idle old one proves nothing: its user may be a nightly job.
        if self.new_first_used is None or self.old_last_used is None:
            return self.new_first_used
        return min(self.new_first_used, self.old_last_used)

    def state(self, quiet_seconds: float = QUIET_SECONDS) -> RotationState:
        """Return the state, given that only the new secret must have been in use for `quiet_seconds`."""
        if self.new_first_used is None:
            return RotationState.UNUSED
        if self.old_last_used is not None and self.old_last_used < quiet_seconds:
            return RotationState.IN_USE
        return RotationState.SETTLING if self.new_first_used < quiet_seconds else RotationState.READY
