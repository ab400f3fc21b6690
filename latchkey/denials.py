"""Texts of the denials that Latchkey returns from /v1/check and that a service returns after /v1/verify."""

from collections.abc import Sequence
from typing import Final

from latchkey.rate_limit_fields import POLICY

KEY_DENIALS: Final = {
    "invalid-credential": "The key ID is unknown or the secret is wrong.",
    "expired-key": "This key has expired.",
    "disabled-key": "This key is disabled.",
    "revoked-key": "This key was revoked.",
}
"""Detail of each problem with a well-formed credential."""


def cost_above_burst(cost: int, burst: int) -> str:
    """Return the detail for a request that costs more tokens than the key's bucket of `burst` can ever hold."""
    return (
        f"This request costs {cost:,} tokens; the key's bucket holds {burst:,}. "
        f"Give the key a burst of at least {cost:,}."
    )


def missing_scope(scope: str) -> str:
    """Return the detail for a key that lacks `scope`."""
    return f"This call needs the scope {scope}."


def limit_exceeded(retry_after_seconds: int | None, violated: Sequence[str] = (POLICY,)) -> str:
    """Return the detail for a key of which the limits named `violated` refused a request.

    `retry_after_seconds` is None if one of them never starts again.
    """
    if retry_after_seconds is None:
        return f"{_exceeded(violated)} Waiting doesn't help: a quota that never starts again is used up."
    unit = "second" if retry_after_seconds == 1 else "seconds"
    return f"{_exceeded(violated)} Retry in {retry_after_seconds} {unit}."


def _exceeded(violated: Sequence[str]) -> str:
    if tuple(violated) == (POLICY,):
        return "Rate limit exceeded."
    names = ", ".join(violated)
    return f"Limit exceeded: {names}." if len(violated) == 1 else f"Limits exceeded: {names}."


def cost_above_limit(name: str) -> str:
    """Return the detail for a request that costs more than the plan's limit `name` could ever allow."""
    return f"This request costs more than the limit {name} of the key's plan ever allows."
