"""Refill: how long a denied request waits that pays again what it had already paid at an earlier place."""

from collections.abc import Mapping

from latchkey.client.verification import Verification
from latchkey.limit_state import LimitState


def wait_for_whole(denied_seconds: int, found: Verification, whole: Mapping[str, int]) -> int | None:
    """Return the seconds until the key's limits have room for `whole`, the cost of all places by unit.

    It's at least `denied_seconds`, the wait for the part that was denied. Return None if a limit never has room.
    """
    longest: int | None = denied_seconds
    own = [found.rate_limit.state] if found.rate_limit else []
    for limit in (*own, *found.limits):
        # The response has no state of a limit that the request didn't claim.
        if limit.is_enforced and limit.remaining is not None and whole.get(limit.unit, 0) > limit.remaining:
            wait = _wait(limit, whole[limit.unit])
            longest = None if longest is None or wait is None else max(longest, wait)
    return longest


def _wait(limit: LimitState, needed: int) -> int | None:
    """Return the seconds, rounded up, until `limit` has `needed` units, which are more than it has now."""
    if limit.next_token_seconds is None or limit.reset_seconds is None or limit.per_seconds is None:
        return None
    after_next = needed - (limit.remaining or 0) - 1
    refilled = limit.next_token_seconds + -(-after_next * limit.per_seconds // max(limit.limit, 1))
    # A quota gets all of its units back at the same time, and no limit needs longer than until it's full.
    return min(refilled, limit.reset_seconds)
