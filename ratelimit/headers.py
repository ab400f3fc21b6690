"""The rate-limit fields of a response, in the draft's syntax and in the older one.

draft-ietf-httpapi-ratelimit-headers-11 is no RFC yet and still moves; this file is the one place that knows it.
"""

from typing import Final

from latchkey import headers
from ratelimit.decision import Decision
from ratelimit.limit import Limit

POLICY: Final = "key"
_STATE_LINES: Final = b'%b: "%b";r=%%d;t=%%d\r\n%b: %%d\r\n%b: %%d\r\n' % tuple(
    name.lower().encode()
    for name in (headers.RATE_LIMIT, POLICY, headers.X_RATE_LIMIT_REMAINING, headers.X_RATE_LIMIT_RESET)
)


def rate_limit_fields(decision: Decision) -> list[tuple[str, str]]:
    """Names and values for a decision of a key's bucket; none for an unlimited key."""
    return policy_fields(decision.limit) + state_fields(decision)


def policy_fields(limit: Limit | None) -> list[tuple[str, str]]:
    """What a limit says, whatever its bucket holds."""
    if limit is None:
        return []
    return [
        (headers.RATE_LIMIT_POLICY, f'"{POLICY}";q={limit.burst};w={limit.per_seconds}'),
        (headers.X_RATE_LIMIT_LIMIT, str(limit.burst)),
    ]


def state_fields(decision: Decision) -> list[tuple[str, str]]:
    """What the bucket holds after a decision."""
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


def state_lines(decision: Decision) -> bytes:
    """`state_fields` of a decision that allows, as they are sent: for the door at which each microsecond counts."""
    limit, debt = decision.limit, decision.debt
    if limit is None:
        return b""
    remaining = (limit.capacity - debt) // limit.price
    return _STATE_LINES % (remaining, decision.next_token_seconds, remaining, decision.reset_seconds)
