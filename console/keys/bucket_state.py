"""State of a key's bucket: how much of the limit is used now."""

from dataclasses import dataclass

from apikeys.models import APIKey
from ratelimit.bucket import peek
from ratelimit.decision import Decision
from ratelimit.limiter import Limiter
from ratelimit.stores.base import BucketStoreError


@dataclass(frozen=True, slots=True)
class BucketState:
    """What is used and left of `burst` tokens, and the seconds until the bucket is full again."""

    burst: int
    left: int
    reset_seconds: int

    @property
    def used(self) -> int:
        """Return how many tokens were taken and are not refilled yet."""
        return self.burst - self.left


def bucket_state(key: APIKey, limiter: Limiter) -> BucketState | None:
    """Return the state of the key's bucket now, without taking a token; None if it is unlimited or can't be read."""
    if key.limit is None:
        return None
    try:
        record, now_ns = limiter.store.peek(key.key_id.encode()), limiter.store.now_ns()
    except BucketStoreError:
        return None
    decision = Decision(key.limit, *peek(record, key.limit, now_ns))
    return BucketState(key.limit.burst, decision.remaining, decision.reset_seconds)
