"""Errors of calls about keys. `slug` is the stable name of the problem."""

from collections.abc import Sequence
from typing import ClassVar, Self

from latchkey.denials import limit_exceeded, missing_scope
from latchkey.problems import ProblemError


class NotFound(ProblemError):
    """Error: there is no key with this ID."""

    slug = "not-found"


class MalformedRequest(ProblemError):
    """Error: the body of the request cannot be parsed."""

    slug = "malformed-request"


class TooLarge(ProblemError):
    """Error: the body of the request exceeds the size limit."""

    slug = "too-large"


class RotationInProgress(ProblemError):
    """Error: a secret is still retiring."""

    slug = "rotation-in-progress"


class AlreadyRevoked(ProblemError):
    """Error: the key was revoked, which is permanent."""

    slug = "already-revoked"


class InsufficientScope(ProblemError):
    """Error: the calling key lacks a scope."""

    slug = "insufficient-scope"

    @classmethod
    def for_call(cls, scope: str) -> Self:
        """Return the error of a call that needs `scope`."""
        return cls(missing_scope(scope))


class LimitTooSmall(ProblemError):
    """Error: a request costs more tokens than the key's bucket can ever hold."""

    slug = "limit-too-small"


class RefusedCredential(ProblemError):
    """Error: a well-formed credential is rejected. `logged` has the key ID for the log, the only place that shows
    it.
    """

    logged_as: ClassVar[str] = "key_id"

    def __init__(self, detail: str, key_id: str = "") -> None:
        super().__init__(detail)
        self.logged: dict[str, str] = {self.logged_as: key_id} if key_id else {}


class InvalidCredential(RefusedCredential):
    """Error: unknown key ID or wrong secret. Nothing distinguishes the two, so the log has the key ID as claimed
    only.
    """

    slug = "invalid-credential"
    logged_as = "claimed_key_id"


class ExpiredKey(RefusedCredential):
    """Error: the secret was right, but the key has expired."""

    slug = "expired-key"


class DisabledKey(RefusedCredential):
    """Error: the secret was right, but the key is disabled."""

    slug = "disabled-key"


class RevokedKey(RefusedCredential):
    """Error: the secret was right, but the key is revoked."""

    slug = "revoked-key"


class QuotaExceeded(ProblemError):
    """Error: a limit is exceeded: the key's own, some of its plan's, or that of the client address."""

    slug = "quota-exceeded"

    @classmethod
    def of_key(cls, violated: Sequence[str], retry_after_seconds: int | None) -> Self:
        """Return the error of a key of which the limits named `violated` refused a request.

        `retry_after_seconds` is None if one of them never starts again.
        """
        detail = limit_exceeded(retry_after_seconds, violated)
        return cls(detail, violated_policies=violated, retry_after_seconds=retry_after_seconds)
