"""Decisions on an event loop with token leases: only what no lease pays for needs a round trip."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from time import monotonic_ns
from typing import Final, NamedTuple

import structlog

from ratelimit.bucket import TakeRequest
from ratelimit.claim import NO_POLICY
from ratelimit.leases import LEASE_NS, LeaseBook, TokenLease, is_leasable
from ratelimit.limit import NS_PER_SECOND
from ratelimit.stores.base import BucketStoreError, OutcomeUnknown, TakeResult
from ratelimit.stores.redis.async_store import AsyncRedisStore
from ratelimit.stores.redis.key_names import EncodedRequest
from ratelimit.stores.redis.layout import encode_request, encode_shift

_SWEEP_SECONDS: Final = 0.25
_MAX_SHIFTS: Final = 64

log = structlog.get_logger(__name__)


class _FirstRequest(NamedTuple):
    """The first of several waiting requests of one key.

    `tokens_to_request` is how many tokens to ask for, and `uncounted` how many earlier requests to count with it.
    `position` is its position among all requests.
    """

    position: int
    request: TakeRequest
    tokens_to_request: int
    uncounted: int

    @property
    def encoded(self) -> EncodedRequest:
        return self.request, encode_request(self.request, more=self.tokens_to_request, count=self.uncounted + 1)


class LeasingStore:
    """`AsyncRedisStore` with token leases of up to `max_tokens` tokens each.

    `clock` returns nanoseconds and never goes back.
    """

    lease_seconds: Final = LEASE_NS / NS_PER_SECOND

    def __init__(self, store: AsyncRedisStore, max_tokens: int, clock: Callable[[], int] = monotonic_ns) -> None:
        self._store = store
        self._book = LeaseBook(max_tokens)
        self._clock = clock
        self._sweeping: asyncio.Task[None] | None = None

    async def take_many(self, requests: Sequence[TakeRequest], policy: int = NO_POLICY) -> list[TakeResult | None]:
        """Decide several requests like `AsyncRedisStore.take_many`, with leases first.

        Requests that a lease pays for are decided also if the store is down. The others then get the
        BucketStoreError as their outcome.
        """
        results = self._spend(requests)
        waiting: dict[tuple[bytes, int] | int, list[int]] = {}
        for position, outcome in enumerate(results):
            if outcome is None:
                waiting.setdefault(_lease_key(requests[position]) or position, []).append(position)
        try:
            if waiting:
                await self._take_from_store(requests, waiting.values(), results, policy)
            if queued := [position for positions in waiting.values() for position in positions[1:]]:
                await self._decide_queued(requests, queued, results, policy)
        except BucketStoreError as error:
            undecided = {
                position for positions in waiting.values() for position in positions if results[position] is None
            }
            return [error if position in undecided else outcome for position, outcome in enumerate(results)]
        return results

    async def close(self) -> None:
        """Give all leases back. Call this when the event loop ends."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        # No lease ends later than this, so all of them are given back.
        await self.return_expired(until_ns=self._clock() + LEASE_NS)
        await self._store.close()

    async def return_expired(self, until_ns: int | None = None) -> None:
        """Give back the unspent tokens of leases that ended before `until_ns` (None: now), and count their requests."""
        expired = self._book.pop_expired(until_ns or self._clock())
        for begin in range(0, len(expired), _MAX_SHIFTS):
            try:
                batch = expired[begin : begin + _MAX_SHIFTS]
                await self._store.shift([(key, _encode_return(lease)) for key, lease in batch])
            except BucketStoreError as error:
                log.warning("leases_not_given_back", leases=len(expired) - begin)
                # After OutcomeUnknown the store may have counted this batch. Don't count it again.
                uncounted = begin + _MAX_SHIFTS if isinstance(error, OutcomeUnknown) else begin
                for key, lease in expired[uncounted:]:
                    self._book.keep_uncounted(key, lease)
                return

    def _spend(self, requests: Iterable[TakeRequest]) -> list[TakeResult | None]:
        now_ns = self._clock()
        return [self._book.spend(one, now_ns) for one in requests]

    async def _take_from_store(
        self,
        requests: Sequence[TakeRequest],
        waiting: Iterable[list[int]],
        results: list[TakeResult | None],
        policy: int,
    ) -> None:
        """Let the store decide the first request of each key, and take tokens ahead of use, also for the requests
        queued behind it.
        """
        # A lease ends a fixed time after it was requested, no matter how late the response comes.
        requested_ns = self._clock()
        firsts = [self._first_request(requests, positions, requested_ns) for positions in waiting]
        try:
            responses = await self._store.take_with_grants([first.encoded for first in firsts], policy)
        except OutcomeUnknown as error:
            # Without a numbered call there is no way to find out what the store did. Count these requests again: they
            # may be counted twice, but are never missing.
            if error.call is None:
                self._return_uncounted(firsts)
            else:
                error.uncounted = tuple((first.request[0], first.uncounted) for first in firsts if first.uncounted)
            raise
        except BucketStoreError:
            self._return_uncounted(firsts)
            raise
        for first, (outcome, granted) in zip(firsts, responses, strict=True):
            results[first.position] = self._record_result(first, outcome, granted=granted, requested_ns=requested_ns)
        self._start_sweep()

    def _return_uncounted(self, firsts: Iterable[_FirstRequest]) -> None:
        for first in firsts:
            self._book.restore_uncounted(first.request, first.uncounted)

    def _first_request(self, requests: Sequence[TakeRequest], positions: Sequence[int], now_ns: int) -> _FirstRequest:
        request = requests[positions[0]]
        tokens_to_request = self._book.tokens_to_request(
            request, sum(requests[position][2] for position in positions), now_ns
        )
        return _FirstRequest(positions[0], request, tokens_to_request, self._book.pop_uncounted(request))

    def _record_result(
        self, first: _FirstRequest, outcome: TakeResult | None, *, granted: bool, requested_ns: int
    ) -> TakeResult | None:
        """Record what the store granted, and return the outcome for the client."""
        # Nothing was decided and nothing counted.
        if not isinstance(outcome, tuple) or outcome[3] > first.request[3]:
            self._book.restore_uncounted(first.request, first.uncounted)
            return outcome
        return (
            self._book.record_grant(first.request, first.tokens_to_request - first.request[2], outcome, requested_ns)
            if granted
            else outcome
        )

    async def _decide_queued(
        self,
        requests: Sequence[TakeRequest],
        queued: Sequence[int],
        results: list[TakeResult | None],
        policy: int,
    ) -> None:
        """Decide requests that waited behind the first of their key: by its lease, otherwise exactly by the store."""
        spent = self._spend([requests[position] for position in queued])
        remaining = []
        for position, outcome in zip(queued, spent, strict=True):
            results[position] = outcome
            if outcome is None:
                remaining.append(position)
        if remaining:
            outcomes = await self._store.take_many([requests[position] for position in remaining], policy)
            for position, result in zip(remaining, outcomes, strict=True):
                results[position] = result

    def _start_sweep(self) -> None:
        """Start the task that gives ended leases back, unless it is already running."""
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = asyncio.get_running_loop().create_task(self._sweep())

    async def _sweep(self) -> None:
        while self._book:
            await asyncio.sleep(_SWEEP_SECONDS)
            await self.return_expired()


def _encode_return(lease: TokenLease) -> bytes:
    return encode_shift(lease.limit, lease.unspent, back=True, count=lease.uncounted)


def _lease_key(request: TakeRequest) -> tuple[bytes, int] | None:
    """Return the lease that may pay for a request, by its key and slot; None if no lease may."""
    return (request[0], request[4]) if is_leasable(request) else None
