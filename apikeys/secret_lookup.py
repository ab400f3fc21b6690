"""Lookup of a leaked secret: whether it belongs to this installation."""

from dataclasses import dataclass
from datetime import datetime

from apikeys.models import KeySecret, KeyState, SecretState
from latchkey.peppers import Peppers


@dataclass(frozen=True, slots=True)
class KnownSecret:
    """The key of a secret, and the current state of both."""

    key_id: str
    key_state: KeyState
    secret_state: SecretState

    @property
    def is_usable(self) -> bool:
        """Return whether a request with this secret is allowed, or would be once its key is enabled again."""
        return self.key_state in (KeyState.ACTIVE, KeyState.DISABLED)


def find_secret(secret: str, peppers: Peppers, now: datetime) -> KnownSecret | None:
    """Return the key of this secret, or None if it has ended or is not of this installation."""
    # The secret may have been stored under any of the configured peppers.
    for row in KeySecret.objects.select_related("key").filter(digest__in=peppers.digests(secret)):
        if row.expires_at is None or row.expires_at > now:
            return KnownSecret(row.key.key_id, row.key.state(now), SecretState(row.state))
    return None
