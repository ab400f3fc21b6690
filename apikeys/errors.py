"""What can go wrong with a key; `slug` is the problem's and stable."""

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
    """The key was revoked, which is for ever."""

    slug = "already-revoked"


class InsufficientScope(ProblemError):
    """The caller's key lacks a scope."""

    slug = "insufficient-scope"


class InvalidCredential(ProblemError):
    """Unknown key id or wrong secret, told apart by nothing."""

    slug = "invalid-credential"


class ExpiredKey(ProblemError):
    """The secret was right, but the key has expired."""

    slug = "expired-key"


class DisabledKey(ProblemError):
    """The secret was right, but the key is disabled."""

    slug = "disabled-key"


class RevokedKey(ProblemError):
    """The secret was right, but the key is revoked."""

    slug = "revoked-key"


class QuotaExceeded(ProblemError):
    """A bucket is empty: the key's, or that of the address for its failed authentications."""

    slug = "quota-exceeded"
