"""Whether a secret that was found somewhere is one of this installation."""

from dataclasses import dataclass
from datetime import datetime

from apikeys.models import KeySecret, KeyState, SecretState
from latchkey.peppers import Peppers


@dataclass(frozen=True, slots=True)
class KnownSecret:
    """Whose secret it is, and what the two are now."""

    key_id: str
    key_state: KeyState
    secret_state: SecretState

    @property
    def lets_in(self) -> bool:
        """Whether a request with it is let in, or will be once its key is enabled again."""
        return self.key_state in (KeyState.ACTIVE, KeyState.DISABLED)


def find_secret(secret: str, peppers: Peppers, now: datetime) -> KnownSecret | None:
    """The key that has this secret, by its digest under any pepper; None for one that has ended or is of elsewhere."""
    for row in KeySecret.objects.select_related("key").filter(digest__in=peppers.digests(secret)):
        if row.expires_at is None or row.expires_at > now:
            return KnownSecret(row.key.key_id, row.key.state(now), SecretState(row.state))
    return None
