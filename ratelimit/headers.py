"""Rate limit header fields for a decision of a key's bucket."""

from typing import Final

from latchkey import headers
from latchkey.rate_limit_fields import policy_fields, state_fields
from ratelimit.decision import Decision
from ratelimit.limit import Limit

# The names are formatted once at import. Each response then costs a single formatting of four numbers.
_STATE_LINES: Final = "".join(f"{name.lower()}: {value}\r\n" for name, value in state_fields("%d", "%d", "%d")).encode()


def rate_limit_headers(decision: Decision) -> list[tuple[str, str]]:
    """Return header names and values for a decision of a key's bucket; none for an unlimited key."""
    return policy_headers(decision.limit) + state_headers(decision)


def policy_headers(limit: Limit | None) -> list[tuple[str, str]]:
    """Return the headers that describe the limit itself, independent of the state of its bucket."""
    return [] if limit is None else policy_fields(limit.burst, limit.per_seconds)


def state_headers(decision: Decision) -> list[tuple[str, str]]:
    """Return the headers that describe the bucket after a decision."""
    if decision.limit is None:
        return []
    fields = state_fields(decision.remaining, decision.next_token_seconds, decision.reset_seconds)
    if not decision.allowed:
        fields.append((headers.RETRY_AFTER, str(decision.retry_after_seconds)))
    return fields


def encode_state_headers(decision: Decision) -> bytes:
    """Return the `state_headers` of an allowed request as the bytes that are sent, for the gateway's fast path."""
    limit, debt = decision.limit, decision.debt
    if limit is None:
        return b""
    # `Decision.remaining`, computed in place to save a property call for each request.
    remaining = (limit.capacity - debt) // limit.price
    return _STATE_LINES % (remaining, decision.next_token_seconds, remaining, decision.reset_seconds)
