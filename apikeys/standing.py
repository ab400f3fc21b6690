"""Whether the caller of a call that goes on for long may still make it."""

from dataclasses import dataclass

from apikeys.gate import default_gate
from apikeys.permissions import require_scope
from latchkey.credentials import Credential


@dataclass(frozen=True, slots=True)
class Standing:
    """The credential that a call was opened with, the client's address, and the scope that the call needs."""

    credential: Credential
    address: str
    scope: str

    def confirm(self, *, anew: bool) -> None:
        """Raises the ProblemError with which the call would be refused now; BucketStoreError or django.db.Error where
        nobody can say. Neither key nor address are charged.

        `anew`: by what the database says, where the key may have changed this moment; else a record in memory will do,
        which is 5 seconds old at most, or older and confirmed by the bucket store.
        """
        gate = default_gate()
        verified = gate.confirm(self.credential, anew=anew)
        gate.vouch(verified)
        require_scope(verified.record.auth, self.scope)
