"""The rate-limit fields of a response, in the draft's syntax and in the older one.

draft-ietf-httpapi-ratelimit-headers-11 is no RFC yet and still moves; this file is the one place that knows it.
"""

from typing import Final

from latchkey import headers
from ratelimit.decision import Decision

POLICY: Final = "key"


def rate_limit_fields(decision: Decision) -> list[tuple[str, str]]:
    """Names and values for a decision of a key's bucket; none for an unlimited key."""
    limit = decision.limit
    if limit is None:
        return []
    remaining = decision.remaining
    fields = [
        (headers.RATE_LIMIT_POLICY, f'"{POLICY}";q={limit.burst};w={limit.per_seconds}'),
        (headers.RATE_LIMIT, f'"{POLICY}";r={remaining};t={decision.next_token_seconds}'),
        (headers.X_RATE_LIMIT_LIMIT, str(limit.burst)),
        (headers.X_RATE_LIMIT_REMAINING, str(remaining)),
        (headers.X_RATE_LIMIT_RESET, str(decision.reset_seconds)),
    ]
    if not decision.allowed:
        fields.append((headers.RETRY_AFTER, str(decision.retry_after_seconds)))
    return fields
