"""Rate limiter of a process: takes tokens from one bucket store, and measures and counts every decision."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from time import perf_counter
from typing import Final

from ratelimit import metrics
from ratelimit.address_attempts import AddressAttempts
from ratelimit.batch_bound import FEW_REQUESTS, bounded_batches
from ratelimit.bucket import TakeRequest
from ratelimit.claim import NO_POLICY, Claim, ClaimState, QuotaUse, Undecided
from ratelimit.decision import Decision
from ratelimit.limit import CostExceedsBurst, Limit
from ratelimit.reserver import Reserver
from ratelimit.stores import BucketStore, BucketStoreError
from ratelimit.stores.base import TakeResult
from ratelimit.stores.configured import configured_store
from ratelimit.stores.fallback import FallbackStore

_new: Final = tuple.__new__

DecisionResult = Decision | CostExceedsBurst | Undecided | BucketStoreError | None
"""Result of one of several takes: the decision, or the error that prevented it. None means that nothing was
decided, because the limit of the key has changed: `take` decides it then.
"""


class Limiter(AddressAttempts, Reserver):
    """Takes tokens from a bucket store for keys. Every method may raise BucketStoreError."""

    def __init__(self, store: BucketStore, decision_metrics: metrics.DecisionMetrics = metrics.UNBUFFERED) -> None:
        super().__init__(store, decision_metrics)
        self._fallback_store = store if isinstance(store, FallbackStore) else None

    @property
    def store_is_remote(self) -> bool:
        """Return whether the store is reached over a network and shared by several hosts."""
        return self.store.remote

    @property
    def confirms_epochs(self) -> bool:
        """Return whether a decision taken now includes every published epoch. False while the fallback decides."""
        return self.store.confirms_epochs

    @property
    def confirms_policies(self) -> bool:
        """Return whether each decision of the store includes the published policies. False with Redis Cluster, which
        can't read their number in the same call.
        """
        return self._fallback_store is None or not self._fallback_store.primary.address.cluster

    @property
    def fallback(self) -> str:
        """Return what decides during an outage of the store: local, deny or allow; empty if the store is on this
        host.
        """
        return self._fallback_store.mode.value if self._fallback_store else ""

    @property
    def lease_seconds(self) -> float:
        """Return for how many seconds leased tokens are spent without calling the store; 0 if leasing is off."""
        return self._fallback_store.async_store.lease_seconds if self._fallback_store else 0.0

    def prepare(self) -> None:
        """Open a store on this host now, so that no request has to wait for it. If that fails, each request tries
        again.
        """
        if not self.store.remote:
            with suppress(BucketStoreError):
                self.store.generation()

    def take(
        self,
        key_id: str,
        limit: Limit | None,
        *,
        cost: int,
        epoch: int,
        slot: int,
        claims: tuple[Claim, ...] = (),
        policy: int = NO_POLICY,
    ) -> Decision:
        """Take `cost` tokens of the key's bucket and all of `claims`, or nothing.

        A decision whose epoch is newer than `epoch` decided and counted nothing: load the key again and retry.
        Raises Undecided, and CostExceedsBurst.
        """
        outcome = self._timed_take((key_id.encode(), limit, cost, epoch, slot, claims), policy)
        decision = Decision(limit, *outcome, claims)
        # Otherwise nothing was decided, and the retry counts.
        if decision.epoch == epoch:
            self._metrics.count(decision)
        return decision

    def take_many(self, requests: Sequence[TakeRequest], policy: int = NO_POLICY) -> list[DecisionResult]:
        """Decide several requests like `take`, in one call of the store, or in more if they have many claims. Their
        metrics share the time of the call equally.

        If this raises BucketStoreError, nothing was taken. If only a later call fails, its requests get the error.
        """
        first, *others = bounded_batches(requests) if len(requests) > FEW_REQUESTS else (requests,)
        started = perf_counter()
        try:
            outcomes = self.store.take_many(first, policy)
        except BucketStoreError:
            metrics.STORE_ERRORS.inc()
            raise
        decisions = self._record_decisions(first, outcomes, perf_counter() - started)
        for batch in others:
            try:
                decisions += self.take_many(batch, policy)
            except BucketStoreError as error:
                decisions += [error] * len(batch)
        return decisions

    async def take_many_async(self, requests: Sequence[TakeRequest], policy: int = NO_POLICY) -> list[DecisionResult]:
        """Decide several requests like `take_many`, for a remote store, without blocking the event loop.

        Raises TypeError if the store is on this host.
        """
        if self._fallback_store is None:
            raise TypeError("the store is on this host: take_many waits for nothing")
        decisions: list[DecisionResult] = []
        for batch in bounded_batches(requests):
            started = perf_counter()
            # An error of the store is a result of each request.
            outcomes = await self._fallback_store.take_many_async(batch, policy)
            decisions += self._record_decisions(batch, outcomes, perf_counter() - started)
        return decisions

    async def close_async(self) -> None:
        """Release what `take_many_async` holds. Call it when that event loop ends."""
        if self._fallback_store is not None:
            await self._fallback_store.close_async()

    def _record_decisions(
        self, requests: Sequence[TakeRequest], outcomes: Sequence[TakeResult | None], seconds: float
    ) -> list[DecisionResult]:
        """Return the decisions for `outcomes`, and record them in the metrics. All of them together took `seconds`."""
        decisions: list[DecisionResult] = []
        allowed = 0
        for (_, limit, _, epoch, _, claims), outcome in zip(requests, outcomes):  # noqa: B905 - faster
            if not isinstance(outcome, tuple):
                if isinstance(outcome, BucketStoreError):
                    metrics.STORE_ERRORS.inc()
                decisions.append(outcome)
                continue
            # `Decision(...)` takes twice as long.
            decision = _new(Decision, (limit, *outcome, claims, None, 0.0))
            if decision.epoch == epoch:
                if decision.allowed:
                    allowed += 1
                else:
                    self._metrics.count(decision)
            decisions.append(decision)
        if allowed:
            self._metrics.allowed.inc(allowed)
        self._metrics.seconds.observe(seconds / len(requests), len(requests))
        return decisions

    def epoch(self, key_id: str) -> int:
        """Return the newest epoch of the key that the store knows; 0 if it does not know the key."""
        return self.store.peek(key_id.encode()).epoch

    def publish_epoch(self, key_id: str, epoch: int) -> None:
        """Publish a key's new epoch, so that every process that shares the store detects that its cached record is
        stale.
        """
        self.store.set_epoch(key_id.encode(), epoch)

    def policy(self) -> int:
        """Return the number of the newest policies that were published; 0 if none were."""
        return self.store.policy()

    def set_policy(self, number: int) -> None:
        """Publish the number of new policies, so that every process that shares the store reads them."""
        self.store.set_policy(number)

    def peek_claims(self, claims: Sequence[Claim]) -> list[ClaimState | Undecided]:
        """Return the state of each claim's counter, as if its cost was 0. Nothing is taken or written."""
        return self.store.peek_claims(claims)

    def quota_uses(self, counters: Sequence[bytes]) -> list[QuotaUse | None]:
        """Return what the store has of each of these quotas, also if its period has ended; None if it has nothing."""
        return self.store.quota_uses(counters)

    def decision_time_ns(self) -> int:
        """Return the time of the store that decides now: that of this host if it decides during an outage."""
        return self._fallback_store.decision_time_ns() if self._fallback_store else self.store.now_ns()

    def seed_quotas(self, uses: Sequence[QuotaUse]) -> None:
        """Merge what the database has of quotas into the store. It may be older than what the store has."""
        self.store.seed_quotas(uses)

    def adjust(self, claim: Claim, *, used: int | None = None, add: int | None = None) -> ClaimState:
        """Set what is spent of the claim's limit to `used` units, or add `add` units. Raises Undecided."""
        return self.store.adjust(claim, used=used, add=add)


@cache
def default_limiter() -> Limiter:
    """Return the limiter of this process, created once, with the store that the settings name."""
    return Limiter(configured_store())
