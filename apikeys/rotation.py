"""State of a rotation: its two secrets, when each was used, and whether ending the old one would lock out clients."""

from dataclasses import dataclass
from datetime import datetime

from apikeys.lookup import find_key
from apikeys.models import APIKey, KeySecret, SecretState, UsageStep
from apikeys.representation import live_record
from apikeys.usage.points import sum_points
from apikeys.usage.series import usage_of
from latchkey.rotation import NOT_READY_REASONS, RotationProgress, RotationState
from latchkey.timestamps import rfc3339
from ratelimit.bucket import Record
from ratelimit.limiter import Limiter


@dataclass(frozen=True, slots=True)
class Rotation:
    """The old and the new secret of a key at `now`, with their last use according to the bucket store.

    `requests` counts those of the last 24 hours, with either secret.
    """

    now: datetime
    old: KeySecret
    old_last_used_at: datetime | None
    new: KeySecret
    new_first_used_at: datetime | None
    new_last_used_at: datetime | None
    requests: int

    @property
    def state(self) -> str:
        """Return the state, one of `RotationState`."""
        return RotationProgress(self._ago(self.new_first_used_at), self._ago(self.old_last_used_at)).state().value

    @property
    def is_ready(self) -> bool:
        """Return whether the old secret can end without locking out a known client."""
        return self.state == RotationState.READY

    @property
    def doubt(self) -> str:
        """Return why the rotation isn't ready; empty if it is."""
        return NOT_READY_REASONS.get(RotationState(self.state), "")

    @property
    def warning(self) -> str:
        """Return the doubt and which clients would be locked out, as one line for a terminal; empty if it is ready."""
        if self.is_ready:
            return ""
        used = f"last used {rfc3339(self.old_last_used_at)}" if self.old_last_used_at else "never used"
        sharing = "with either secret" if self.new_last_used_at else "none of them with the new secret"
        return (
            f"{self.doubt} Ending the old secret ({self.old.pk}, {used}) locks out every client that still uses it. "
            f"Requests in the last 24 hours: {self.requests:,}{f', {sharing}' if self.requests else ''}."
        )

    def _ago(self, moment: datetime | None) -> float | None:
        """Return how many seconds before `now` the moment was, or None."""
        return (self.now - moment).total_seconds() if moment else None


def rotation_of(key: APIKey, now: datetime, limiter: Limiter) -> Rotation | None:
    """Return the key's rotation, or None if none is under way or the key is revoked."""
    # Read again: the key may have been read before its rotation.
    return rotation_in(find_key(key.key_id), live_record(key, limiter), now)


def rotation_in(key: APIKey, record: Record, now: datetime) -> Rotation | None:
    """Return the rotation of a key that was just read, with the bucket store's record of it, as `rotation_of` does."""
    secrets = {secret.state: secret for secret in key.secrets.all()}
    old, new = secrets.get(SecretState.RETIRING), secrets.get(SecretState.ACTIVE)
    if key.revoked_at is not None or old is None or new is None or old.expires_at is None or old.expires_at <= now:
        return None
    new_last_used_at = new.last_used(record)
    day = sum_points(usage_of(key, UsageStep.HOUR, 24, now))
    return Rotation(
        now=now,
        old=old,
        old_last_used_at=old.last_used(record),
        new=new,
        # If the first use isn't in the database yet, it was at most as long ago as the last one.
        new_first_used_at=new.first_used_at or new_last_used_at,
        new_last_used_at=new_last_used_at,
        requests=day.allowed + day.throttled,
    )
