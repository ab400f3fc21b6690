"""Rate limiter of a process: takes tokens from one bucket store, and measures and counts every decision."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from functools import cache
from time import perf_counter
from typing import Final, TypeVar

from ratelimit import metrics
from ratelimit.batch_bound import FEW_REQUESTS, bounded_batches
from ratelimit.bucket import Outcome, Record, TakeRequest
from ratelimit.claim import NO_POLICY, Claim, ClaimState, QuotaUse, Undecided
from ratelimit.decision import Decision
from ratelimit.limit import NS_PER_SECOND, CostExceedsBurst, Limit
from ratelimit.reservation import NewReservation, Settlement
from ratelimit.stores import BucketStore, BucketStoreError
from ratelimit.stores.base import ADDRESS_PREFIX, TakeResult
from ratelimit.stores.configured import configured_store
from ratelimit.stores.fallback import FallbackStore

_Result = TypeVar("_Result")
_new: Final = tuple.__new__

DecisionResult = Decision | CostExceedsBurst | Undecided | BucketStoreError | None
"""Result of one of several takes: the decision, or the error that prevented it. None means that nothing was
decided, because the limit of the key has changed: `take` decides it then.
"""


class AttemptKind(StrEnum):
    """Kinds of attempts that are limited per client address. The values are part of the keys in the store."""

    # Each kind has its own bucket. A service that keeps using an old credential doesn't keep administrators in the
    # same network from signing in.
    CREDENTIAL = ""
    SIGN_IN = "sign-in:"


class Limiter:
    """Takes tokens from a bucket store for keys and for client addresses. Every method may raise BucketStoreError."""

    def __init__(self, store: BucketStore, decision_metrics: metrics.DecisionMetrics = metrics.UNBUFFERED) -> None:
        self.store = store
        self._metrics = decision_metrics
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

    def reserve(
        self, request: TakeRequest, reservation: NewReservation, policy: int = NO_POLICY
    ) -> tuple[Decision, int]:
        """Decide a request like `take`, and if it is allowed, make a reservation of its costs.

        `request` has the estimates; 0 passes while anything is left. Its claims may include those on slots (a Term
        without a limit and without an end), each with a cost of 1. `reservation` has a name of
        `ratelimit.reservation_id.new_name`, the id of the key that asks, and for how many whole seconds (at least 1)
        the reservation stays open by the store's clock. Return the decision, and the reservation's end in seconds since
        the Unix epoch, or 0 if the decision is not allowed, or decided nothing because its epoch is newer.

        Clients get `ratelimit.reservation_id.id_of(name)`, and `name_of` returns the name for it.

        Raises Undecided and CostExceedsBurst as `take` does, TooManyReservations, and BucketStoreError. While a remote
        store is down, it raises BucketStoreUnavailable in every mode of the fallback. After OutcomeUnknown, the
        reservation may have been made: cancel it, or it stays at its estimate.
        """
        _, limit, _, epoch, _, claims = request
        outcome, expires_s = self._timed(lambda: self.store.reserve(request, reservation, policy))
        decision = Decision(limit, *outcome, claims)
        if decision.epoch == epoch:
            self._metrics.count(decision)
        return decision, expires_s

    def settle(
        self, name: bytes, caller: bytes, key_cost: int, claims: Sequence[Claim], likely: Sequence[bytes] = ()
    ) -> Settlement:
        """Replace the estimate of the reservation `name` by the actual costs, and free its slots.

        `caller` is the id of the key that reserved. `key_cost` (0 or more) is the cost for the limit `key`; it is
        ignored if the key was unlimited when it reserved. `claims` are the current claims of the key on the limits
        whose units have a cost, with that cost: what was reserved of any other counter is returned, and a claim on a
        counter that was not reserved is charged in full. Claims on slots have no effect here. `likely` are other
        counters that the reservation may have.

        Nothing is refused. A quota counts all of it, in the period in which it was reserved; the debt of a plan's rate
        ends at two full buckets and that of the limit `key` at one. `Charge.forgiven` says what that left uncharged.
        Epochs and policies don't matter. Settling again returns the settlement of the first time, whatever the costs.

        If a charge has an `ends_s` that has passed, it changed a period whose row the database has already: write the
        charge's `value` to it.

        Raises ReservationUnknown (also for another caller's), ReservationExpired (it stays at its estimate),
        ReservationEnded (it was cancelled), TermsEnded and CountersMissing (resolve or seed, then settle again), and
        BucketStoreError. After any BucketStoreError it is safe to settle again.
        """
        return self._counting_errors(lambda: self.store.settle(name, caller, key_cost, claims, likely))

    def extend(self, name: bytes, caller: bytes, ttl_seconds: int) -> int:
        """Keep an open reservation and its slots for `ttl_seconds` (at least 1) from now, by the store's clock.

        It never gets shorter. Return its end in seconds since the Unix epoch. Raises ReservationUnknown,
        ReservationExpired, ReservationEnded (it was settled or cancelled) and BucketStoreError.
        """
        return self._counting_errors(lambda: self.store.extend(name, caller, ttl_seconds))

    def cancel(self, name: bytes, caller: bytes) -> Settlement:
        """Give back all that a reservation took, and free its slots. Cancelling again returns the same settlement.

        Raises ReservationUnknown, ReservationExpired, ReservationEnded (it was settled) and BucketStoreError.
        """
        return self._counting_errors(lambda: self.store.cancel(name, caller))

    def forget_ended_reservations(self, should_continue: Callable[[], bool] = lambda: True) -> int:
        """Delete reservations that ended long enough ago, as long as `should_continue` returns true. Return how many
        were deleted; 0 for a store that deletes them automatically.
        """
        return self.store.forget_ended_reservations(should_continue)

    def take_for_address(self, address: str, limit: Limit, kind: AttemptKind = AttemptKind.CREDENTIAL) -> Decision:
        """Take one token from the bucket that limits such attempts from `address`."""
        return Decision(limit, *self._timed_take((ADDRESS_PREFIX + (kind + address).encode(), limit, 1, 0, 0, ())))

    def forget_idle_addresses(self, limit: Limit) -> int:
        """Delete the buckets of addresses that are full again under `limit`. Return how many were deleted."""
        # A full bucket carries no information, and an attacker with many addresses could fill the store with them.
        full_since_ns = self.store.now_ns() - limit.per_seconds * NS_PER_SECOND
        idle = [key for key, record in self.store.scan_records(ADDRESS_PREFIX) if record.used_ns < full_since_ns]
        for key in idle:
            # The time makes the store check again: the address may have been used since it was listed.
            self.store.forget(key, full_since_ns)
        return len(idle)

    def throttled_addresses(self, since_ns: int) -> Iterator[tuple[str, Record]]:
        """Yield the addresses that were denied an attempt and tried again at or after `since_ns`, with their
        records.

        An address that was denied both kinds of attempts is yielded twice.
        """
        for key, record in self.store.scan_records(ADDRESS_PREFIX):
            if record.throttled and record.used_ns >= since_ns:
                yield key.removeprefix(ADDRESS_PREFIX).decode().removeprefix(AttemptKind.SIGN_IN), record

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

    def seed_quotas(self, uses: Sequence[QuotaUse]) -> None:
        """Merge what the database has of quotas into the store. It may be older than what the store has."""
        self.store.seed_quotas(uses)

    def adjust(self, claim: Claim, *, used: int | None = None, add: int | None = None) -> ClaimState:
        """Set what is spent of the claim's limit to `used` units, or add `add` units. Raises Undecided."""
        return self.store.adjust(claim, used=used, add=add)

    def _timed_take(self, request: TakeRequest, policy: int = NO_POLICY) -> Outcome:
        started = perf_counter()
        try:
            return self.store.take(*request, policy)
        except BucketStoreError:
            metrics.STORE_ERRORS.inc()
            raise
        finally:
            self._metrics.seconds.observe(perf_counter() - started)

    def _timed(self, call: Callable[[], _Result]) -> _Result:
        started = perf_counter()
        try:
            return self._counting_errors(call)
        finally:
            self._metrics.seconds.observe(perf_counter() - started)

    def _counting_errors(self, call: Callable[[], _Result]) -> _Result:
        try:
            return call()
        except BucketStoreError:
            metrics.STORE_ERRORS.inc()
            raise


@cache
def default_limiter() -> Limiter:
    """Return the limiter of this process, created once, with the store that the settings name."""
    return Limiter(configured_store())
