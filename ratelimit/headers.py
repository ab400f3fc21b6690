"""Rate limit header fields of a response, in the syntax of the IETF draft and as the older X-RateLimit fields.

draft-ietf-httpapi-ratelimit-headers-11 is not an RFC yet and still changes. Only this module depends on its
syntax.
"""

from typing import Final

from latchkey import headers
from ratelimit.decision import Decision
from ratelimit.limit import Limit

POLICY: Final = "key"
# The names are formatted once at import. Each response then costs a single formatting of four numbers.
_STATE_LINES: Final = b'%b: "%b";r=%%d;t=%%d\r\n%b: %%d\r\n%b: %%d\r\n' % tuple(
    name.lower().encode()
    for name in (headers.RATE_LIMIT, POLICY, headers.X_RATE_LIMIT_REMAINING, headers.X_RATE_LIMIT_RESET)
)


def rate_limit_headers(decision: Decision) -> list[tuple[str, str]]:
    """Return header names and values for a decision of a key's bucket; none for an unlimited key."""
    return policy_headers(decision.limit) + state_headers(decision)


def policy_headers(limit: Limit | None) -> list[tuple[str, str]]:
    """Return the headers that describe the limit itself, independent of the state of its bucket."""
    if limit is None:
        return []
    return [
        (headers.RATE_LIMIT_POLICY, f'"{POLICY}";q={limit.burst};w={limit.per_seconds}'),
        (headers.X_RATE_LIMIT_LIMIT, str(limit.burst)),
    ]


def state_headers(decision: Decision) -> list[tuple[str, str]]:
    """Return the headers that describe the bucket after a decision."""
    if decision.limit is None:
        return []
    remaining = decision.remaining
    fields = [
        (headers.RATE_LIMIT, f'"{POLICY}";r={remaining};t={decision.next_token_seconds}'),
        (headers.X_RATE_LIMIT_REMAINING, str(remaining)),
        (headers.X_RATE_LIMIT_RESET, str(decision.reset_seconds)),
    ]
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
