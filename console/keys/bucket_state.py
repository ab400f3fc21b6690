"""State of a key's bucket: how much of the limit is used now."""

from dataclasses import dataclass

from apikeys.models import APIKey
from ratelimit.bucket import Record, peek
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


@dataclass(frozen=True, slots=True)
class Look:
    """What the bucket store shows of a key at its own time `now_ns`; None if the store is down."""

    record: Record
    now_ns: int | None


def look_at(key: APIKey, limiter: Limiter) -> Look:
    """Return what the bucket store shows of the key, without taking a token; an empty record if the store is down."""
    try:
        return Look(limiter.store.peek(key.key_id.encode()), limiter.store.now_ns())
    except BucketStoreError:
        # Show what the database has. The overview reports that the store is down.
        return Look(Record(), None)


def bucket_state(key: APIKey, look: Look) -> BucketState | None:
    """Return the state of the key's bucket at that look; None if the key is unlimited or the store is down."""
    if key.limit is None or look.now_ns is None:
        return None
    decision = Decision(key.limit, *peek(look.record, key.limit, look.now_ns))
    return BucketState(key.limit.burst, decision.remaining, decision.reset_seconds)
