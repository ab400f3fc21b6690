"""The limiter: one bucket store for the process, with each decision timed and counted."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from functools import cache
from time import perf_counter

from ratelimit import metrics
from ratelimit.bucket import Asked, CostExceedsBurst, Outcome, Record
from ratelimit.decision import Decision
from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.stores import BucketStore, BucketStoreError
from ratelimit.stores.base import ADDRESS_PREFIX, Taken
from ratelimit.stores.configured import configured_store
from ratelimit.stores.fallback import FallbackStore

Decided = Decision | CostExceedsBurst | BucketStoreError | None
"""What became of one of several takes: the decision, why there is none, or None where nothing was decided as the key's
limit has changed: `take` does it then."""


class Attempt(StrEnum):
    """What an address may try too often. Each kind has a bucket of its own, so that a service that goes on with an old
    credential doesn't keep the administrators of the same network from signing in. The values are kept in the store.
    """

    CREDENTIAL = ""
    SIGN_IN = "sign-in:"


class Limiter:
    """Takes tokens for keys and for addresses from a store. Every method may raise BucketStoreError."""

    def __init__(self, store: BucketStore, tells: metrics.DecisionMetrics = metrics.TOLD_AT_ONCE) -> None:
        self.store = store
        self._tells = tells
        self._over_network = store if isinstance(store, FallbackStore) else None

    @property
    def store_is_remote(self) -> bool:
        """Whether the store lies behind a network and several hosts share it."""
        return self.store.remote

    @property
    def confirms_epochs(self) -> bool:
        """Whether a decision that is taken now knows of every epoch that was published; not while on the fallback."""
        return self.store.confirms_epochs

    @property
    def fallback(self) -> str:
        """What decides while the store is away: local, deny or allow; empty for a store that is on this host."""
        return self._over_network.mode.value if self._over_network else ""

    @property
    def lease_seconds(self) -> float:
        """For how long tokens that were taken ahead are spent without asking the store; 0 where none are."""
        return self._over_network.on_loop.lease_seconds if self._over_network else 0.0

    def prepare(self) -> None:
        """Open a store on this host now, and not while a request waits. If that fails, each request tries again."""
        if not self.store.remote:
            with suppress(BucketStoreError):
                self.store.generation()

    def take(self, key_id: str, limit: Limit | None, *, cost: int, epoch: int, slot: int) -> Decision:
        """Takes `cost` tokens of the key's bucket, or none.

        A decision whose epoch is above `epoch` decided nothing and counts for nothing: load the key and come again.
        """
        outcome = self._timed_take(key_id.encode(), limit, cost, epoch, slot)
        decision = Decision(limit, *outcome)
        if decision.epoch == epoch:
            (self._tells.allowed if decision.allowed else self._tells.throttled).inc()
        return decision

    def take_many(self, asked: Sequence[Asked]) -> list[Decided]:
        """As `take`, for several requests in one step of the store. The time that this takes is shared equally."""
        started = perf_counter()
        try:
            outcomes = self.store.take_many(asked)
        except BucketStoreError:
            metrics.STORE_ERRORS.inc()
            raise
        return self._decisions(asked, outcomes, perf_counter() - started)

    async def take_many_on_loop(self, asked: Sequence[Asked]) -> list[Decided]:
        """As `take_many`, for a store behind a network, without holding up the event loop that it is called on."""
        if self._over_network is None:
            raise TypeError("the store is on this host: take_many waits for nothing")
        started = perf_counter()
        outcomes = await self._over_network.take_many_on_loop(asked)
        return self._decisions(asked, outcomes, perf_counter() - started)

    async def leave_loop(self) -> None:
        """Called where the event loop of `take_many_on_loop` ends."""
        if self._over_network is not None:
            await self._over_network.leave_loop()

    def _decisions(self, asked: Sequence[Asked], outcomes: Sequence[Taken | None], seconds: float) -> list[Decided]:
        """Tells of outcomes that took so many seconds together."""
        each = seconds / len(asked)
        decisions: list[Decided] = []
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

    def take_for_address(self, address: str, limit: Limit, attempt: Attempt = Attempt.CREDENTIAL) -> Decision:
        """Takes one token of the bucket that pays for such attempts of `address`."""
        return Decision(limit, *self._timed_take(ADDRESS_PREFIX + (attempt + address).encode(), limit, 1, 0, 0))

    def forget_idle_addresses(self, limit: Limit) -> int:
        """Drops the buckets of addresses that are full again under `limit`, and so tell nothing; returns how many.

        An attacker with many addresses would fill the store with them otherwise.
        """
        full_since_ns = self.store.now_ns() - limit.per_seconds * NS_PER_SECOND
        idle = [key for key, record in self.store.usage(ADDRESS_PREFIX) if record.used_ns < full_since_ns]
        for key in idle:
            self.store.forget(key, full_since_ns)
        return len(idle)

    def refused_addresses(self, since_ns: int) -> Iterator[tuple[str, Record]]:
        """The addresses that were refused an attempt and tried again at or after `since_ns`. One that was refused both
        kinds comes twice.
        """
        for key, record in self.store.usage(ADDRESS_PREFIX):
            if record.throttled and record.used_ns >= since_ns:
                yield key.removeprefix(ADDRESS_PREFIX).decode().removeprefix(Attempt.SIGN_IN), record

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
    """The process's limiter, on the store that the settings name."""
    return Limiter(configured_store())
