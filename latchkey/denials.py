"""Texts of the denials that Latchkey returns from /v1/check and that a service returns after /v1/verify."""

from typing import Final

KEY_DENIALS: Final = {
    "invalid-credential": "The key ID is unknown or the secret is wrong.",
    "expired-key": "This key has expired.",
    "disabled-key": "This key is disabled.",
    "revoked-key": "This key was revoked.",
}
"""Detail of each problem with a well-formed credential."""

COST_ABOVE_BURST: Final = "This request costs more tokens than the key's bucket can ever hold."


def missing_scope(scope: str) -> str:
    """Return the detail for a key that lacks `scope`."""
    return f"This call needs the scope {scope}."


def limit_exceeded(retry_after_seconds: int) -> str:
    """Return the detail for a key whose bucket is empty."""
    unit = "second" if retry_after_seconds == 1 else "seconds"
    return f"Rate limit exceeded. Retry in {retry_after_seconds} {unit}."
