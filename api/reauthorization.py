"""Session re-authorization: checks whether the caller of a long-running call may still make it."""

from dataclasses import dataclass

from api.permissions import require_scope
from apikeys.authenticator import default_authenticator
from latchkey.credentials import Credential


@dataclass(frozen=True, slots=True)
class Standing:
    """The credential with which a call was opened, the client's address, and the scope that the call needs."""

    credential: Credential
    address: str
    scope: str

    def confirm(self, *, anew: bool) -> None:
        """Check that the call would still be allowed, without charging the key or the address.

        With `anew` the database is read, because the key may have changed just now. Otherwise a cached record is
        sufficient: it is at most 5 seconds old, or older and confirmed by the bucket store. Raises the
        ProblemError with which the call would be rejected, and BucketStoreError or django.db.Error if that cannot
        be determined.
        """
        gate = default_authenticator()
        verified = gate.confirm(self.credential, anew=anew)
        gate.vouch(verified)
        require_scope(verified.record.auth, self.scope)
