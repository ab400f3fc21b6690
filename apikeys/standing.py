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
        """Raises the ProblemError with which the call would be refused now. Neither key nor address are charged.

        `anew`: by what the database says, where the key may have changed this moment; else a record in memory will do,
        which is 5 seconds old at most.
        """
        require_scope(default_gate().confirm(self.credential, anew=anew).record.auth, self.scope)
