"""The limiter: one bucket store for the process, with each decision timed and counted."""

from collections.abc import Iterator, Sequence
from functools import cache
from time import perf_counter
from typing import Final

from django.conf import settings

from ratelimit import metrics
from ratelimit.bucket import Asked, CostExceedsBurst, Outcome, Record
from ratelimit.decision import Decision
from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.stores import BucketStore, BucketStoreError, open_store

_ADDRESS_PREFIX: Final = b"ip:"
KEY_PREFIX: Final = b"lk_"


class Limiter:
    """Takes tokens for keys and for addresses from a store. Every method may raise BucketStoreError."""

    def __init__(self, store: BucketStore, tells: metrics.DecisionMetrics = metrics.TOLD_AT_ONCE) -> None:
        self.store = store
        self._tells = tells

    def take(self, key_id: str, limit: Limit | None, *, cost: int, epoch: int, slot: int) -> Decision:
        """Takes `cost` tokens of the key's bucket, or none.

        A decision whose epoch is above `epoch` decided nothing and counts for nothing: load the key and come again.
        """
        outcome = self._timed_take(key_id.encode(), limit, cost, epoch, slot)
        decision = Decision(limit, *outcome)
        if decision.epoch == epoch:
            (self._tells.allowed if decision.allowed else self._tells.throttled).inc()
        return decision

    def take_many(self, asked: Sequence[Asked]) -> list[Decision | CostExceedsBurst | BucketStoreError]:
        """As `take`, for several requests in one step of the store. The time that this takes is shared equally."""
        started = perf_counter()
        try:
            outcomes = self.store.take_many(asked)
        except BucketStoreError:
            metrics.STORE_ERRORS.inc()
            raise
        each = (perf_counter() - started) / len(asked)
        decisions: list[Decision | CostExceedsBurst | BucketStoreError] = []
        for (_, limit, _, epoch, _), outcome in zip(asked, outcomes, strict=True):
            self._tells.seconds.observe(each)
            if not isinstance(outcome, tuple):
                if isinstance(outcome, BucketStoreError):
                    metrics.STORE_ERRORS.inc()
                decisions.append(outcome)
                continue
            decision = Decision(limit, *outcome)
            if decision.epoch == epoch:
                (self._tells.allowed if decision.allowed else self._tells.throttled).inc()
            decisions.append(decision)
        return decisions

    def take_for_address(self, address: str, limit: Limit) -> Decision:
        """Takes one token of the bucket that pays for the failed authentications of `address`."""
        return Decision(limit, *self._timed_take(_ADDRESS_PREFIX + address.encode(), limit, 1, 0, 0))

    def forget_idle_addresses(self, limit: Limit) -> int:
        """Drops the buckets of addresses that are full again under `limit`, and so tell nothing; returns how many.

        An attacker with many addresses would fill the store with them otherwise.
        """
        full_since_ns = self.store.now_ns() - limit.per_seconds * NS_PER_SECOND
        idle = [key for key, record in self.store.usage(_ADDRESS_PREFIX) if record.used_ns < full_since_ns]
        for key in idle:
            self.store.forget(key, full_since_ns)
        return len(idle)

    def refused_addresses(self, since_ns: int) -> Iterator[tuple[str, Record]]:
        """The addresses that were refused for failed authentications and failed again at or after `since_ns`."""
        for key, record in self.store.usage(_ADDRESS_PREFIX):
            if record.throttled and record.used_ns >= since_ns:
                yield key.removeprefix(_ADDRESS_PREFIX).decode(), record

    def epoch(self, key_id: str) -> int:
        """The newest epoch that is known of the key; 0 where the store has never heard of it."""
        return self.store.peek(key_id.encode()).epoch

    def publish_epoch(self, key_id: str, epoch: int) -> None:
        """Tells every process that shares the store that the key has changed."""
        self.store.set_epoch(key_id.encode(), epoch)

    def _timed_take(self, key: bytes, limit: Limit | None, cost: int, epoch: int, slot: int) -> Outcome:
        started = perf_counter()
        try:
            return self.store.take(key, limit, cost, epoch, slot)
        except BucketStoreError:
            metrics.STORE_ERRORS.inc()
            raise
        finally:
            self._tells.seconds.observe(perf_counter() - started)


@cache
def default_limiter() -> Limiter:
    """The process's limiter, on the store that BUCKET_STORE_URL names."""
    return Limiter(open_store(settings.BUCKET_STORE_URL))
