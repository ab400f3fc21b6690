"""What can go wrong with a key; `slug` is the problem's and stable."""

from typing import ClassVar

from latchkey.problems import ProblemError


class NotFound(ProblemError):
    """There is no key with this id."""

    slug = "not-found"


class MalformedRequest(ProblemError):
    """The request's body cannot be read."""

    slug = "malformed-request"


class TooLarge(ProblemError):
    """The request's body is over the bound."""

    slug = "too-large"


class RotationInProgress(ProblemError):
    """A secret is still retiring."""

    slug = "rotation-in-progress"


class AlreadyRevoked(ProblemError):
    """The key was revoked, which is permanent."""

    slug = "already-revoked"


class InsufficientScope(ProblemError):
    """The caller's key lacks a scope."""

    slug = "insufficient-scope"


class LimitTooSmall(ProblemError):
    """A request costs more tokens than the key's bucket can ever hold."""

    slug = "limit-too-small"


class RefusedCredential(ProblemError):
    """A well-formed credential that may not pass. `logged` names its key in the log, and nothing else does."""

    logged_as: ClassVar[str] = "key_id"

    def __init__(self, detail: str, key_id: str = "") -> None:
        super().__init__(detail)
        self.logged: dict[str, str] = {self.logged_as: key_id} if key_id else {}


class InvalidCredential(RefusedCredential):
    """Unknown key id or wrong secret, told apart by nothing. So the key id is only claimed."""

    slug = "invalid-credential"
    logged_as = "claimed_key_id"


class ExpiredKey(RefusedCredential):
    """The secret was right, but the key has expired."""

    slug = "expired-key"


class DisabledKey(RefusedCredential):
    """The secret was right, but the key is disabled."""

    slug = "disabled-key"


class RevokedKey(RefusedCredential):
    """The secret was right, but the key is revoked."""

    slug = "revoked-key"


class QuotaExceeded(ProblemError):
    """A bucket is empty: the key's, or that of the address for its failed authentications."""

    slug = "quota-exceeded"
