"""Session re-authorization: checks whether the caller of a long-running call may still make it."""

from dataclasses import dataclass

from api.permissions import require_scope
from apikeys.authenticator import default_authenticator
from latchkey.credentials import Credential


@dataclass(frozen=True, slots=True)
class SessionAuthorization:
    """The credential that opened a long-running call, the client's address, and the scope that the call needs."""

    credential: Credential
    address: str
    scope: str

    def reauthorize(self, *, refresh: bool) -> None:
        """Check that the call would still be allowed, without charging the key or the address.

        With `refresh` the database is read, because the key may have changed just now. Otherwise a cached record is
        sufficient: it is at most 5 seconds old, or older and confirmed by the bucket store. Raises the
        ProblemError with which the call would be rejected, and BucketStoreError or django.db.Error if that cannot
        be determined.
        """
        authenticator = default_authenticator()
        verified = authenticator.reauthenticate(self.credential, refresh=refresh)
        authenticator.ensure_fresh(verified)
        require_scope(verified.record.auth, self.scope)
