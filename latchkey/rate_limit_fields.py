"""Rate limit header fields of a response, in the syntax of the IETF draft and as the older X-RateLimit fields.

draft-ietf-httpapi-ratelimit-headers-11 is not an RFC yet and still changes. Only this module depends on its
syntax.
"""

from collections.abc import Sequence
from math import inf
from typing import Final

from latchkey import headers
from latchkey.limit_state import REQUESTS, LimitState

POLICY: Final = "key"


def policy_fields(burst: int, per_seconds: int) -> list[tuple[str, str]]:
    """Return the fields that describe a limit, independent of the state of its bucket."""
    return [
        (headers.RATE_LIMIT_POLICY, f'"{POLICY}";q={burst};w={per_seconds}'),
        (headers.X_RATE_LIMIT_LIMIT, str(burst)),
    ]


def state_fields(remaining: object, next_token_seconds: object, reset_seconds: object) -> list[tuple[str, str]]:
    """Return the fields that describe a bucket: its tokens, and the seconds until one more and until all of them.

    The values are numbers, or placeholders in a template.
    """
    return [
        (headers.RATE_LIMIT, f'"{POLICY}";r={remaining};t={next_token_seconds}'),
        (headers.X_RATE_LIMIT_REMAINING, str(remaining)),
        (headers.X_RATE_LIMIT_RESET, str(reset_seconds)),
    ]


def fields_of_limits(limits: Sequence[LimitState]) -> list[tuple[str, str]]:
    """Return the fields that describe several limits of a key.

    `RateLimit-Policy` lists all of them, `RateLimit` those that the request claimed. The older fields have one limit
    only: the tightest of those that can refuse a request.
    """
    if not limits:
        # The key has only limits that no request claims.
        return []
    claimed = [limit for limit in limits if limit.remaining is not None]
    fields = [(headers.RATE_LIMIT_POLICY, ", ".join(map(_policy, limits)))]
    if claimed:
        fields.append((headers.RATE_LIMIT, ", ".join(map(_state, claimed))))
    tightest = _tightest(claimed)
    if tightest is not None:
        fields.append((headers.X_RATE_LIMIT_LIMIT, str(tightest.limit)))
        fields.append((headers.X_RATE_LIMIT_REMAINING, str(tightest.remaining)))
        if tightest.reset_seconds is not None:
            fields.append((headers.X_RATE_LIMIT_RESET, str(tightest.reset_seconds)))
    return fields


def _policy(limit: LimitState) -> str:
    window = "" if limit.per_seconds is None else f";w={limit.per_seconds}"
    # The draft's default unit is a request. Names and units have no character that a quoted string escapes.
    unit = "" if limit.unit == REQUESTS else f';qu="{limit.unit}"'
    return f'"{limit.name}";q={limit.limit}{window}{unit}'


def _state(limit: LimitState) -> str:
    reset = "" if limit.next_token_seconds is None else f";t={limit.next_token_seconds}"
    return f'"{limit.name}";r={limit.remaining}{reset}'


def _tightest(claimed: Sequence[LimitState]) -> LimitState | None:
    """Return the enforced limit with the smallest part left; of equal ones, that with the longest reset."""
    tightest: LimitState | None = None
    for limit in claimed:
        if limit.is_enforced and (tightest is None or _is_tighter(limit, tightest)):
            tightest = limit
    return tightest


def _is_tighter(limit: LimitState, other: LimitState) -> bool:
    # Compared as fractions, without dividing.
    left, of_other = (limit.remaining or 0) * other.limit, (other.remaining or 0) * limit.limit
    return left < of_other or (left == of_other and _reset(limit) > _reset(other))


def _reset(limit: LimitState) -> float:
    """Return the seconds until the limit is full; infinite if it never is again."""
    return inf if limit.reset_seconds is None else limit.reset_seconds
