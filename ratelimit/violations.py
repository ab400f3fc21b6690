"""Violations: which limits refused a request, and how long its client has to wait for all of them."""

from latchkey.rate_limit_fields import POLICY
from ratelimit.claim import FOREVER_S
from ratelimit.decision import Decision


def limit_name(counter: bytes) -> str:
    """Return the name of the limit to which a claim's counter belongs."""
    return counter.rpartition(b":")[2].decode()


def violated_policies(decision: Decision) -> list[str]:
    """Return the names of the limits that refused the request, the key's own first."""
    if not decision.measured:
        return [] if decision.allowed else [POLICY]
    names = [POLICY] if decision.refused_by_key else []
    return names + [
        limit_name(claim.counter)
        for claim, state in zip(decision.claims, decision.states, strict=True)
        if state.refused
    ]


def retry_after_seconds(decision: Decision) -> int | None:
    """Return the whole seconds, 1 or more, after which the denied request would be allowed.

    Return None if a quota that never starts again refused it.
    """
    if any(state.refused and state.ends_s >= FOREVER_S for state in decision.states):
        return None
    return decision.retry_after_seconds
