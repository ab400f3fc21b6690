"""What decides while a store behind a network does not answer: `BUCKET_STORE_FALLBACK`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeVar

from ratelimit import metrics
from ratelimit.bucket import Asked, CostExceedsBurst, Outcome, Record
from ratelimit.limit import Limit
from ratelimit.stores.base import ADDRESS_PREFIX, BucketStoreError, OutcomeUnknown, Rebuilt, Taken
from ratelimit.stores.breaker import Breaker
from ratelimit.stores.debts import charge
from ratelimit.stores.lmdb import LmdbStore
from ratelimit.stores.unknown_uses import UnknownUses

if TYPE_CHECKING:
    from ratelimit.stores.redis.leased import Leased
    from ratelimit.stores.redis.on_loop import OnLoop
    from ratelimit.stores.redis.store import RedisStore

_Result = TypeVar("_Result")

_DOUBTED_SECONDS: Final = 1.0


class Fallback(StrEnum):
    """`LOCAL`: this host's own buckets decide, under the same limits. `ALLOW`: every request of a key passes, and is
    counted on this host. `DENY`: none does.
    """

    LOCAL = "local"
    DENY = "deny"
    ALLOW = "allow"


class FallbackStore:
    """`primary`, and what stands in for it. `local` holds the buckets and counters of this host's outages, None with
    DENY. Decisions and the looks at an epoch fall back; all else is the primary's, and fails with it.

    An outage of length o that cuts off N hosts gives a key at most N full buckets and N x o x burst / per_seconds
    tokens beyond its limit; one refill less where no host reaches the primary meanwhile, so one bucket where that is
    the only host. For a host grants what its bucket refills and what it lacks in the end; the latter is its debt, and
    charged to the primary once the host decides by that again, up to a full bucket there.
    """

    shared = True
    remote = True
    rolls_back = True

    def __init__(
        self,
        primary: "RedisStore",
        local: LmdbStore | None,
        mode: Fallback,
        on_loop: "OnLoop | Leased",
        elapsed: Callable[[], float] = monotonic,
    ) -> None:
        self.url = primary.url
        self.primary = primary
        self.local = local
        self.mode = mode
        self._unknown = None if local is None else UnknownUses(local, primary)
        self.breaker = Breaker(primary.url, self._probe)
        self.on_loop = on_loop
        self._elapsed = elapsed
        self._doubted_until = 0.0

    @property
    def confirms_epochs(self) -> bool:
        """Not for a moment after a decision of the fallback either: whoever got it asks only then, and by then the
        primary may be back.
        """
        return self.breaker.closed and self._elapsed() >= self._doubted_until

    def take(self, key: bytes, limit: Limit | None, cost: int = 1, epoch: int = 0, slot: int = 0) -> Outcome:
        asked = (key, limit, cost, epoch, slot)
        return self._by_primary_or(lambda: self.primary.take(*asked), lambda error: self._take_alone(asked, error))

    def take_many(self, asked: Sequence[Asked]) -> list[Taken]:
        return self._by_primary_or(
            lambda: self.primary.take_many(asked), lambda error: [self._taken_alone(one, error) for one in asked]
        )

    async def take_many_on_loop(self, asked: Sequence[Asked]) -> list[Taken | None]:
        """As `take_many`, without ever holding up the event loop that it is called on; None where the store has to be
        asked by `take`, as nothing was decided.
        """
        if not self.breaker.closed:
            return [self._taken_alone(one) for one in asked]
        taken: Sequence[Taken | None]
        try:
            taken = await self.on_loop.take_many(asked)
        except BucketStoreError as error:
            taken = [error] * len(asked)
        lost = next((one for one in taken if isinstance(one, BucketStoreError)), None)
        if lost is not None:
            self._lost(lost)
        return [
            self._taken_alone(one, outcome) if isinstance(outcome, BucketStoreError) else outcome
            for one, outcome in zip(asked, taken, strict=True)
        ]

    async def leave_loop(self) -> None:
        """Called where the event loop of `take_many_on_loop` ends: gives leases back and closes connections."""
        await self.on_loop.leave()

    def peek(self, key: bytes) -> Record:
        return self._by_primary_or(lambda: self.primary.peek(key), lambda _: self._alone().peek(key))

    def set_epoch(self, key: bytes, epoch: int) -> None:
        """On this host too, where it has decided by itself, for those of its processes that are cut off."""
        try:
            self.primary.set_epoch(key, epoch)
        finally:
            if self.local is not None and self.local.exists:
                with suppress(BucketStoreError):  # who decides alone has a record of 5 seconds at most
                    self.local.set_epoch(key, epoch)

    def charge_back(self, go_on: Callable[[], bool] = lambda: True) -> bool:
        """Charges to the primary what this host granted alone, as `debts.charge` says; whether that was all."""
        if self.local is None or not self.local.exists:
            return True
        return charge(self.local, self.primary, go_on)

    def generation(self) -> str:
        return self.primary.generation()

    def now_ns(self) -> int:
        return self.primary.now_ns()

    def reset(self, key: bytes) -> None:
        self.primary.reset(key)

    def usage(self, prefix: bytes = b"", since_ns: int = 0) -> Iterator[tuple[bytes, Record]]:
        return self.primary.usage(prefix, since_ns)

    def forget(self, key: bytes, unused_since_ns: int | None = None) -> None:
        self.primary.forget(key, unused_since_ns)

    def tidy(self) -> None:
        if self.local is not None:
            self.local.tidy()
        self.primary.tidy()

    def ping(self) -> None:
        """A round trip to the primary that writes. Raises BucketStoreError."""
        self.primary.ping()

    def rebuilt(self) -> Rebuilt | None:
        """Of this host's own buckets, if it has ever needed them."""
        return self.local.rebuilt() if self.local is not None and self.local.exists else None

    def close(self) -> None:
        if self.local is not None:
            self.local.close()
        self.primary.close()

    def _by_primary_or(
        self, primary: Callable[[], _Result], alone: Callable[[BucketStoreError | None], _Result]
    ) -> _Result:
        """By the primary; or alone, which gets the primary's error, if that was asked."""
        if not self.breaker.closed:
            return alone(None)
        try:
            return primary()
        except BucketStoreError as error:
            self._lost(error)
            return alone(error)

    def _lost(self, error: BucketStoreError) -> None:
        metrics.STORE_ERRORS.inc()
        if self._unknown is not None and isinstance(error, OutcomeUnknown) and error.run is not None:
            for key, allowed in error.uncounted:
                self._unknown.note(key, allowed, error.run)
        self.breaker.open(error)

    def _probe(self) -> None:
        self.primary.ping()
        if self._unknown is not None:
            self._unknown.settle()

    def _alone(self) -> LmdbStore:
        if self.local is None:
            raise BucketStoreError(f"{self.url} does not answer, and BUCKET_STORE_FALLBACK is deny")
        self._doubted_until = self._elapsed() + _DOUBTED_SECONDS
        return self.local

    def _take_alone(self, asked: Asked, error: BucketStoreError | None = None) -> Outcome:
        local = self._alone()
        metrics.FALLBACK_DECISIONS.inc()
        key, limit, cost, epoch, slot = asked
        if self.mode is Fallback.ALLOW and limit is not None and not key.startswith(ADDRESS_PREFIX):
            if cost > limit.burst:
                raise CostExceedsBurst(cost, limit)
            limit = None
        if self._unknown is not None and isinstance(error, OutcomeUnknown) and error.run is not None:
            return self._unknown.take((key, limit, cost, epoch, slot), error.run)
        return local.take(key, limit, cost, epoch, slot)

    def _taken_alone(self, asked: Asked, error: BucketStoreError | None = None) -> Taken:
        try:
            return self._take_alone(asked, error)
        except (CostExceedsBurst, BucketStoreError) as refusal:
            return refusal
