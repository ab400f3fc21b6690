"""Decisions on an event loop with token leases: only what no lease pays for needs a round trip."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from time import monotonic_ns
from typing import Final, NamedTuple

import structlog

from ratelimit.bucket import TakeRequest
from ratelimit.leases import LEASE_NS, Lease, LeaseBook, may_lease
from ratelimit.limit import NS_PER_SECOND
from ratelimit.stores.base import BucketStoreError, OutcomeUnknown, Taken
from ratelimit.stores.redis.async_store import AsyncRedisStore
from ratelimit.stores.redis.keys import Question
from ratelimit.stores.redis.layout import request_argument, shift_argument

_SWEEP_SECONDS: Final = 0.25
_MOST_SHIFTS: Final = 64

log = structlog.get_logger(__name__)


class _Lead(NamedTuple):
    """The first of several waiting requests of one key.

    `wish` is how many tokens to ask for, and `uncounted` how many earlier requests to count with it. `place` is
    its position among all requests.
    """

    place: int
    first: TakeRequest
    wish: int
    uncounted: int

    @property
    def question(self) -> Question:
        return self.first, request_argument(self.first, more=self.wish, count=self.uncounted + 1)


class LeasingStore:
    """`AsyncRedisStore` with token leases of up to `most` tokens each.

    `clock` returns nanoseconds and never goes back.
    """

    lease_seconds: Final = LEASE_NS / NS_PER_SECOND

    def __init__(self, on_loop: AsyncRedisStore, most: int, clock: Callable[[], int] = monotonic_ns) -> None:
        self._on_loop = on_loop
        self._book = LeaseBook(most)
        self._clock = clock
        self._sweeping: asyncio.Task[None] | None = None

    async def take_many(self, asked: Sequence[TakeRequest]) -> list[Taken | None]:
        """Decide several requests like `AsyncRedisStore.take_many`, with leases first.

        Requests that a lease pays for are decided also if the store is down. The others then get the
        BucketStoreError as their outcome.
        """
        taken = self._spend(asked)
        waiting: dict[tuple[bytes, int] | int, list[int]] = {}
        for place, outcome in enumerate(taken):
            if outcome is None:
                waiting.setdefault(_lease_of(asked[place]) or place, []).append(place)
        try:
            if waiting:
                await self._lease(asked, waiting.values(), taken)
            if behind := [place for places in waiting.values() for place in places[1:]]:
                await self._settle(asked, behind, taken)
        except BucketStoreError as error:
            undecided = {place for places in waiting.values() for place in places if taken[place] is None}
            return [error if place in undecided else outcome for place, outcome in enumerate(taken)]
        return taken

    async def leave(self) -> None:
        """Give all leases back. Call this when the event loop ends."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        # No lease ends later than this, so all of them are given back.
        await self.give_back(until_ns=self._clock() + LEASE_NS)
        await self._on_loop.leave()

    async def give_back(self, until_ns: int | None = None) -> None:
        """Give back the unspent tokens of leases that ended before `until_ns` (None: now), and count their requests."""
        lapsed = self._book.lapsed(until_ns or self._clock())
        for begin in range(0, len(lapsed), _MOST_SHIFTS):
            try:
                batch = lapsed[begin : begin + _MOST_SHIFTS]
                await self._on_loop.shift([(key, _given_back(lease)) for key, lease in batch])
            except BucketStoreError as error:
                log.warning("leases_not_given_back", leases=len(lapsed) - begin)
                # After OutcomeUnknown the store may have counted this batch. Don't count it again.
                uncounted = begin + _MOST_SHIFTS if isinstance(error, OutcomeUnknown) else begin
                for key, lease in lapsed[uncounted:]:
                    self._book.put_uncounted(key, lease)
                return

    def _spend(self, asked: Iterable[TakeRequest]) -> list[Taken | None]:
        now_ns = self._clock()
        return [self._book.spend(one, now_ns) for one in asked]

    async def _lease(
        self, asked: Sequence[TakeRequest], waiting: Iterable[list[int]], taken: list[Taken | None]
    ) -> None:
        """Ask the store for the first request of each key, and for tokens ahead of use, also for the requests
        behind it.
        """
        # A lease ends a fixed time after it was requested, no matter how late the response comes.
        asked_ns = self._clock()
        leads = [self._lead(asked, places, asked_ns) for places in waiting]
        try:
            answers = await self._on_loop.ask([lead.question for lead in leads])
        except OutcomeUnknown as error:
            # Without a run there is no way to find out what the store did. Count these requests again: they may be
            # counted twice, but are never missing.
            if error.run is None:
                self._return_uncounted(leads)
            else:
                error.uncounted = tuple((lead.first[0], lead.uncounted) for lead in leads if lead.uncounted)
            raise
        except BucketStoreError:
            self._return_uncounted(leads)
            raise
        for lead, (outcome, granted) in zip(leads, answers, strict=True):
            taken[lead.place] = self._noted(lead, outcome, granted=granted, asked_ns=asked_ns)
        self._sweep_later()

    def _return_uncounted(self, leads: Iterable[_Lead]) -> None:
        for lead in leads:
            self._book.return_uncounted(lead.first, lead.uncounted)

    def _lead(self, asked: Sequence[TakeRequest], places: Sequence[int], now_ns: int) -> _Lead:
        first = asked[places[0]]
        wish = self._book.wish(first, sum(asked[place][2] for place in places), now_ns)
        return _Lead(places[0], first, wish, self._book.take_uncounted(first))

    def _noted(self, lead: _Lead, outcome: Taken | None, *, granted: bool, asked_ns: int) -> Taken | None:
        """Record what the store granted, and return the outcome for the client."""
        # Nothing was decided and nothing counted.
        if not isinstance(outcome, tuple) or outcome[3] > lead.first[3]:
            self._book.return_uncounted(lead.first, lead.uncounted)
            return outcome
        return self._book.grant(lead.first, lead.wish - lead.first[2], outcome, asked_ns) if granted else outcome

    async def _settle(self, asked: Sequence[TakeRequest], behind: Sequence[int], taken: list[Taken | None]) -> None:
        """Decide requests that waited behind the first of their key: by its lease, otherwise exactly by the store."""
        spent = self._spend([asked[place] for place in behind])
        left = []
        for place, outcome in zip(behind, spent, strict=True):
            taken[place] = outcome
            if outcome is None:
                left.append(place)
        if left:
            outcomes = await self._on_loop.take_many([asked[place] for place in left])
            for place, answer in zip(left, outcomes, strict=True):
                taken[place] = answer

    def _sweep_later(self) -> None:
        """Start the task that gives ended leases back, unless it is already running."""
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = asyncio.get_running_loop().create_task(self._sweep())

    async def _sweep(self) -> None:
        while self._book:
            await asyncio.sleep(_SWEEP_SECONDS)
            await self.give_back()


def _given_back(lease: Lease) -> bytes:
    return shift_argument(lease.limit, lease.left, back=True, count=lease.uncounted)


def _lease_of(asked: TakeRequest) -> tuple[bytes, int] | None:
    """Return the lease that may pay for a request, by its key and slot; None if no lease may."""
    return (asked[0], asked[4]) if may_lease(asked) else None
