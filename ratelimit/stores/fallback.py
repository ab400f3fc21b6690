"""Fallback of a remote store: decides during an outage, as BUCKET_STORE_FALLBACK says."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, TypeGuard, TypeVar

from ratelimit import metrics
from ratelimit.bucket import Outcome, Record, TakeRequest
from ratelimit.claim import NO_POLICY, Claim, ClaimState, QuotaUse, Undecided
from ratelimit.idle_counters import StoredCounter
from ratelimit.limit import Limit
from ratelimit.reservation import NewReservation, Reserved, Settlement
from ratelimit.stores.base import (
    BucketStoreError,
    BucketStoreUnavailable,
    ClaimsUnsupported,
    OutcomeUnknown,
    Rebuild,
    TakeResult,
    UsageScan,
)
from ratelimit.stores.breaker import Breaker
from ratelimit.stores.fallback_mode import FallbackMode
from ratelimit.stores.lmdb import LmdbStore
from ratelimit.stores.local_decisions import LocalDecisions
from ratelimit.stores.reconciliation import charge_primary
from ratelimit.stores.unsettled_requests import UnsettledRequests
from ratelimit.unit_counters import UnitCounter

if TYPE_CHECKING:
    from ratelimit.stores.redis.async_store import AsyncRedisStore
    from ratelimit.stores.redis.leasing_store import LeasingStore
    from ratelimit.stores.redis.store import RedisStore

_Result = TypeVar("_Result")


class FallbackStore:
    """Bucket store that decides by `primary`, and by `local` while the primary is down.

    `local` holds the buckets and counters of this host's outages; it is None with DENY. Decisions and reads of an
    epoch fall back. Every other method calls the primary and fails with it.

    In an outage of length o that cuts off N hosts, a key can get at most N full buckets and N x o x burst /
    per_seconds tokens beyond its limit. It is one refill less if no other host reaches the primary meanwhile, so a
    single host grants one bucket at most. The reason: a host grants what its bucket refills plus what the bucket
    lacks in the end. The latter is its debt, which is charged to the primary after the outage, up to a full bucket
    there (docs/explanation/consistency.md).
    """

    shared = True
    remote = True
    rolls_back = True

    def __init__(
        self,
        primary: "RedisStore",
        local: LmdbStore | None,
        mode: FallbackMode,
        async_store: "AsyncRedisStore | LeasingStore",
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.url = primary.url
        self.primary = primary
        self.local = local
        self.mode = mode
        self._unsettled = None if local is None else UnsettledRequests(local, primary)
        self.breaker = Breaker(primary.url, self._probe)
        self.async_store = async_store
        self._local_decisions = LocalDecisions(local, mode, primary.url, self._unsettled, clock)

    @property
    def confirms_epochs(self) -> bool:
        """Return whether a `take` now includes every published epoch."""
        # This stays false for a moment after a decision of the fallback. A caller checks it only after it has its
        # decision, and the primary may be back by then.
        return self.breaker.closed and not self._local_decisions.is_recent

    def take(
        self,
        key: bytes,
        limit: Limit | None,
        cost: int = 1,
        epoch: int = 0,
        slot: int = 0,
        claims: tuple[Claim, ...] = (),
        policy: int = NO_POLICY,
    ) -> Outcome:
        request = (key, limit, cost, epoch, slot, claims)
        return self._by_primary_or_fallback(
            lambda: self.primary.take(*request, policy),
            lambda error: self._local_decisions.take(request, policy, error),
        )

    def take_many(self, requests: Sequence[TakeRequest], policy: int = NO_POLICY) -> Sequence[TakeResult]:
        return self._by_primary_or_fallback(
            lambda: self.primary.take_many(requests, policy),
            lambda error: [self._local_decisions.try_take(one, policy, error) for one in requests],
        )

    async def take_many_async(
        self, requests: Sequence[TakeRequest], policy: int = NO_POLICY
    ) -> list[TakeResult | None]:
        """Decide several requests like `take_many`, without blocking the event loop.

        An outcome is None if nothing was decided for that request and the caller has to use `take`.
        """
        if not self.breaker.closed:
            return [self._local_decisions.try_take(one, policy) for one in requests]
        results: Sequence[TakeResult | None]
        try:
            results = await self.async_store.take_many(requests, policy)
        except BucketStoreError as error:
            results = [error] * len(requests)
        failure = next((one for one in results if _is_failure(one)), None)
        if failure is not None:
            self._record_failure(failure)
        return [
            self._local_decisions.try_take(one, policy, outcome) if _is_failure(outcome) else outcome
            for one, outcome in zip(requests, results, strict=True)
        ]

    async def close_async(self) -> None:
        """Give leased tokens back and close connections. Call this when the event loop of `take_many_async` ends."""
        await self.async_store.close()

    def policy(self) -> int:
        return self._by_primary_or_fallback(self.primary.policy, lambda _: self._local_decisions.store().policy())

    def set_policy(self, number: int) -> None:
        """Set the number of the policies in the primary, and in the local store if this host has used it."""
        try:
            self.primary.set_policy(number)
        finally:
            # As for epochs: other processes of this host may be cut off.
            if self.local is not None and self.local.exists:
                with suppress(BucketStoreError):
                    self.local.set_policy(number)

    def peek_claims(self, claims: Sequence[Claim]) -> list[ClaimState | Undecided]:
        return self.primary.peek_claims(claims)

    def quota_uses(self, counters: Sequence[bytes]) -> list[QuotaUse | None]:
        return self.primary.quota_uses(counters)

    def seed_quotas(self, uses: Sequence[QuotaUse]) -> None:
        """Merge what the database has of quotas into the store that decides now."""
        self._deciding.seed_quotas(uses)

    def adjust(self, claim: Claim, *, used: int | None = None, add: int | None = None) -> ClaimState:
        return self.primary.adjust(claim, used=used, add=add)

    def reserve(self, request: TakeRequest, reservation: NewReservation, policy: int = NO_POLICY) -> Reserved:
        """Reserve by the primary. No mode has a fallback: no other host could settle what this one reserved."""
        return self._by_primary_only(lambda: self.primary.reserve(request, reservation, policy))

    def settle(
        self, name: bytes, caller: bytes, key_cost: int, claims: Sequence[Claim], likely: Sequence[bytes] = ()
    ) -> Settlement:
        return self._by_primary_only(lambda: self.primary.settle(name, caller, key_cost, claims, likely))

    def extend(self, name: bytes, caller: bytes, ttl_seconds: int) -> int:
        return self._by_primary_only(lambda: self.primary.extend(name, caller, ttl_seconds))

    def cancel(self, name: bytes, caller: bytes) -> Settlement:
        return self._by_primary_only(lambda: self.primary.cancel(name, caller))

    def forget_ended_reservations(self, should_continue: Callable[[], bool] = lambda: True) -> int:
        return self.primary.forget_ended_reservations(should_continue)

    def scan_units(self, since_s: int = 0) -> Iterator[tuple[bytes, UnitCounter]]:
        return self.primary.scan_units(since_s)

    def scan_usage(self, since_ns: int) -> UsageScan:
        return self.primary.scan_usage(since_ns)

    def unit_counters(self, names: Sequence[bytes]) -> list[UnitCounter]:
        return self.primary.unit_counters(names)

    def idle_counters(self) -> Iterator[StoredCounter]:
        return self.primary.idle_counters()

    def forget_counters(self, counters: Sequence[StoredCounter]) -> list[bytes]:
        return self.primary.forget_counters(counters)

    def peek(self, key: bytes) -> Record:
        return self._by_primary_or_fallback(
            lambda: self.primary.peek(key), lambda _: self._local_decisions.store().peek(key)
        )

    def set_epoch(self, key: bytes, epoch: int) -> None:
        """Set the key's epoch in the primary, and in the local store if this host has used it."""
        try:
            self.primary.set_epoch(key, epoch)
        finally:
            # Other processes of this host may be cut off from the primary and decide by the local store.
            if self.local is not None and self.local.exists:
                # A process that decides locally uses a cached record for at most 5 seconds, so this failure is
                # bounded.
                with suppress(BucketStoreError):
                    self.local.set_epoch(key, epoch)

    def reconcile(self, should_continue: Callable[[], bool] = lambda: True) -> bool:
        """Charge what this host granted locally to the primary, as long as `should_continue` returns true. Return
        whether all was charged.
        """
        if self.local is None or not self.local.exists:
            return True
        return charge_primary(self.local, self.primary, should_continue)

    def generation(self) -> str:
        return self.primary.generation()

    def now_ns(self) -> int:
        return self.primary.now_ns()

    def decision_time_ns(self) -> int:
        """Return the time of the store that decides now."""
        return self._deciding.now_ns()

    def reset(self, key: bytes) -> None:
        self.primary.reset(key)

    def scan_records(self, prefix: bytes = b"", since_ns: int = 0) -> Iterator[tuple[bytes, Record]]:
        return self.primary.scan_records(prefix, since_ns)

    def forget(self, key: bytes, unused_since_ns: int | None = None) -> None:
        self.primary.forget(key, unused_since_ns)

    def clean_up(self) -> None:
        if self.local is not None:
            self.local.clean_up()
        self.primary.clean_up()

    def ping(self) -> None:
        """Write to the primary in one round trip. Raises BucketStoreError."""
        self.primary.ping()

    def last_rebuild(self) -> Rebuild | None:
        """Return when and why the local store was last rebuilt; None if it never was or this host has never used it."""
        return self.local.last_rebuild() if self.local is not None and self.local.exists else None

    def close(self) -> None:
        if self.local is not None:
            self.local.close()
        self.primary.close()

    @property
    def _deciding(self) -> "RedisStore | LmdbStore":
        return self.primary if self.local is None or self.breaker.closed else self.local

    def _by_primary_or_fallback(
        self, primary: Callable[[], _Result], fallback: Callable[[BucketStoreError | None], _Result]
    ) -> _Result:
        """Return the result of `primary`. If the breaker is open or `primary` fails, return the result of `fallback`.

        `fallback` gets the primary's error, or None if the primary was not called.
        """
        if not self.breaker.closed:
            return fallback(None)
        try:
            return primary()
        except ClaimsUnsupported:
            raise
        except BucketStoreError as error:
            self._record_failure(error)
            return fallback(error)

    def _by_primary_only(self, primary: Callable[[], _Result]) -> _Result:
        """Return the result of `primary`. Raises BucketStoreUnavailable at once while the breaker is open."""
        if not self.breaker.closed:
            raise BucketStoreUnavailable(f"{self.url} does not respond, and reservations have no fallback")
        try:
            return primary()
        except BucketStoreUnavailable as error:
            self._record_failure(error)
            raise

    def _record_failure(self, error: BucketStoreError) -> None:
        metrics.STORE_ERRORS.inc()
        if self._unsettled is not None and isinstance(error, OutcomeUnknown) and error.call is not None:
            # The failed call was also to count requests that leased tokens had paid for. Count them once it is
            # known that the primary did not.
            for key, allowed in error.uncounted:
                self._unsettled.add(key, allowed, error.call)
        self.breaker.open(error)

    def _probe(self) -> None:
        self.primary.ping()
        # Settle these before the breaker closes, while the primary responds again.
        if self._unsettled is not None:
            self._unsettled.settle()


def _is_failure(result: TakeResult | None) -> TypeGuard[BucketStoreError]:
    """Return whether the primary failed. It works if it can only never decide such claims."""
    return isinstance(result, BucketStoreError) and not isinstance(result, ClaimsUnsupported)
