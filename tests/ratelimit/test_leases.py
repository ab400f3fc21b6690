"""Leases never let more pass than the limit does, tell the store of every request, and give back what they do not use."""

import asyncio
from collections.abc import Awaitable, Callable
from fractions import Fraction
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratelimit.bucket import TakeRequest
from ratelimit.leases import LEASE_NS, SHARE, LeaseBook
from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.stores.base import BucketStoreError, BucketStoreUnavailable
from ratelimit.stores.redis.address import parse_address
from ratelimit.stores.redis.async_store import AsyncRedisStore
from ratelimit.stores.redis.leasing_store import LeasingStore
from ratelimit.stores.redis.store import RedisStore
from tests.conftest import Clock
from tests.support.services import redis_url

KEY = b"lk_0123456789ab"
LIMIT = Limit(100, 60)


def take_request(limit: Limit | None = LIMIT, cost: int = 1, epoch: int = 0, slot: int = 0) -> TakeRequest:
    return KEY, limit, cost, epoch, slot, ()


def granted(book: LeaseBook, tokens: int, now_ns: int = 0) -> None:
    book.record_grant(take_request(), tokens, (True, (tokens + 1) * LIMIT.price, 0, 0, ()), now_ns)


def test_a_lease_pays_until_it_is_used_up() -> None:
    book = LeaseBook(50)
    granted(book, 2)
    assert [book.spend(take_request(), 0) is not None for _ in range(3)] == [True, True, False]


def test_a_lease_pays_until_its_end() -> None:
    book = LeaseBook(50)
    granted(book, 5)
    assert book.spend(take_request(), LEASE_NS - 1)
    assert book.spend(take_request(), LEASE_NS) is None


@pytest.mark.parametrize(
    "other",
    [
        take_request(Limit(100, 61)),
        take_request(epoch=1),
        take_request(slot=1),
        take_request(None),
        take_request(cost=9),
    ],
)
def test_a_lease_pays_for_nothing_else(other: TakeRequest) -> None:
    book = LeaseBook(50)
    granted(book, 5)
    assert book.spend(other, 0) is None


def test_leases_grow_up_to_their_share() -> None:
    book = LeaseBook(50)
    sizes = []
    for _ in range(7):
        sizes.append(max(0, book.tokens_to_request(take_request(), 1, 0) - 1))
        if sizes[-1]:
            granted(book, sizes[-1])
        while book.spend(take_request(), 0):
            pass
    assert sizes == [0, 1, 2, 4, 8, LIMIT.burst // SHARE, LIMIT.burst // SHARE]


def test_first_request_takes_only_what_is_waiting() -> None:
    book = LeaseBook(50)
    assert book.tokens_to_request(take_request(), 1, 0) == 0
    assert LeaseBook(50).tokens_to_request(take_request(), 5, 0) == 5
    assert [lease.unspent for _, lease in book.pop_expired(LEASE_NS)] == []
    assert len(book) == 0


def test_next_lease_has_the_size_that_was_spent() -> None:
    book = LeaseBook(50)
    granted(book, 10)
    for _ in range(3):
        book.spend(take_request(), 0)
    ((key, lease),) = book.pop_expired(LEASE_NS)
    assert (key, lease.unspent, lease.uncounted) == (KEY, 7, 3)
    assert book.tokens_to_request(take_request(), 1, LEASE_NS) == 1 + 3


def test_unused_key_leaves_the_book() -> None:
    book = LeaseBook(50)
    granted(book, 10)
    assert [lease.unspent for _, lease in book.pop_expired(LEASE_NS)] == [10]
    assert len(book) == 0


def test_expired_lease_pays_nothing_before_a_sweep() -> None:
    """Else a request each second would gather tokens without end."""
    book = LeaseBook(50)
    for second in range(20):
        now_ns = second * (LEASE_NS + 1)
        wish = book.tokens_to_request(take_request(), 1, now_ns)
        if wish:
            granted(book, wish - 1, now_ns)
    held = 0
    while book.spend(take_request(), now_ns):
        held += 1
    assert held <= LIMIT.burst // SHARE
    given_back = sum(lease.unspent for _, lease in book.pop_expired(now_ns))
    assert given_back > 0


def test_each_secret_of_a_key_has_a_lease_of_its_own() -> None:
    book = LeaseBook(50)
    granted(book, 2)
    book.tokens_to_request(take_request(slot=1), 1, 0)
    book.record_grant(take_request(slot=1), 3, (True, 6 * LIMIT.price, 0, 0, ()), 0)
    assert [book.spend(take_request(slot=slot), 0) is not None for slot in (0, 1, 0, 1, 0, 1)] == [True] * 4 + [
        False,
        True,
    ]


def test_tokens_of_another_epoch_are_given_back() -> None:
    book = LeaseBook(50)
    granted(book, 5)
    book.tokens_to_request(take_request(epoch=1), 1, 0)
    assert [(lease.unspent, lease.epoch) for _, lease in book.pop_expired(0)] == [(5, 0)]


def test_small_or_unlimited_keys_are_never_leased() -> None:
    book = LeaseBook(50)
    assert book.tokens_to_request(take_request(Limit(SHARE - 1, 60)), 5, 0) == 0
    assert book.tokens_to_request(take_request(None), 5, 0) == 0


class Nodes:
    """Processes with leases over one Redis, by a clock that the test moves."""

    def __init__(self, clock: Clock, most: int, count: int = 3) -> None:
        address = parse_address(f"{redis_url()}?prefix=latchkey-test-{uuid4().hex}:")
        self.clock = clock
        self.store = RedisStore(address, clock, timeout=10)
        self.nodes = [
            LeasingStore(AsyncRedisStore(RedisStore(address, clock, timeout=10)), most, clock) for _ in range(count)
        ]

    def run(self, story: "Callable[[Nodes], Awaitable[None]]") -> None:
        async def play() -> None:
            try:
                await story(self)
            finally:
                for node in self.nodes:
                    await node.close()

        try:
            asyncio.run(play())
        finally:
            self.store.forget(KEY)
            self.store.close()


@pytest.mark.needs("redis")
@settings(max_examples=60, deadline=None)
@given(
    limit=st.builds(Limit, st.integers(1, 300), st.integers(1, 100)),
    most=st.integers(1, 100),
    steps=st.lists(
        st.tuples(st.integers(0, 2 * 10**9), st.integers(0, 2), st.integers(1, 40), st.integers(1, 3)), max_size=40
    ),
)
def test_leases_never_exceed_the_limit_and_count_all(
    limit: Limit, most: int, steps: list[tuple[int, int, int, int]]
) -> None:
    async def story(nodes: Nodes) -> None:
        start, passed, tokens = nodes.clock.ns, 0, 0
        taken: list[tuple[int, int]] = []
        for elapsed, which, requests, cost in steps:
            nodes.clock.ns += elapsed
            for node in nodes.nodes:
                await node.return_expired()
            cost = min(cost, limit.burst)
            outcomes = await nodes.nodes[which].take_many([take_request(limit, cost)] * requests)
            assert all(isinstance(outcome, tuple) for outcome in outcomes)
            admitted = sum(1 for outcome in outcomes if isinstance(outcome, tuple) and outcome[0])
            passed, tokens = passed + admitted, tokens + admitted * cost
            bound = limit.burst + Fraction((nodes.clock.ns - start) * limit.burst, limit.per_seconds * NS_PER_SECOND)
            assert tokens <= bound
            # In any window, a lease adds what is refilled while it lasts.
            taken.append((nodes.clock.ns, admitted * cost))
            for begin, _ in taken:
                window_ns = nodes.clock.ns - begin + LEASE_NS
                in_window = sum(count for at, count in taken if at >= begin)
                assert in_window <= limit.burst + Fraction(window_ns * limit.burst, limit.per_seconds * NS_PER_SECOND)
        nodes.clock.ns += LEASE_NS
        for node in nodes.nodes:
            await node.return_expired()
        assert nodes.store.peek(KEY).allowed == passed

    Nodes(Clock(), most).run(story)


@pytest.mark.needs("redis")
def test_returned_tokens_are_available_to_others() -> None:
    async def story(nodes: Nodes) -> None:
        first, second, _ = nodes.nodes
        limit = Limit(100, 10**6)
        for _ in range(20):  # so that its leases grow
            await first.take_many([take_request(limit)])
        nodes.clock.ns += LEASE_NS
        await first.return_expired()
        outcomes = await second.take_many([take_request(limit)] * 81)
        assert sum(1 for outcome in outcomes if isinstance(outcome, tuple) and outcome[0]) == 80

    Nodes(Clock(), 50).run(story)


@pytest.mark.needs("redis")
def test_close_returns_leases_and_counts() -> None:
    async def story(nodes: Nodes) -> None:
        first, second, _ = nodes.nodes
        limit = Limit(100, 10**6)
        for _ in range(20):
            await first.take_many([take_request(limit)])
        await first.close()
        assert nodes.store.peek(KEY).allowed == 20
        outcomes = await second.take_many([take_request(limit)] * 81)
        assert sum(1 for outcome in outcomes if isinstance(outcome, tuple) and outcome[0]) == 80

    Nodes(Clock(), 50).run(story)


@pytest.mark.needs("redis")
def test_a_batch_of_one_key_is_one_question() -> None:
    async def story(nodes: Nodes) -> None:
        node = nodes.nodes[0]
        batch_sizes: list[int] = []
        ask = node._store.take_with_grants

        async def counted(asks: list[tuple[TakeRequest, bytes]], policy: int) -> object:
            batch_sizes.append(len(asks))
            return await ask(asks, policy)

        node._store.take_with_grants = counted  # type: ignore[method-assign, assignment]
        await node.take_many([take_request(Limit(1000, 60))] * 40)
        assert batch_sizes == [1]

    Nodes(Clock(), 50).run(story)


class _Away(AsyncRedisStore):
    """A Redis that is away while `away`; what it is told is kept."""

    def __init__(self) -> None:
        self.away = False
        self.told: list[int] = []

    async def take_with_grants(self, batch_sizes, policy=0):  # type: ignore[no-untyped-def]
        if self.away:
            raise BucketStoreUnavailable("away")
        self.told += [int.from_bytes(request[-4:], "little") for _, request in batch_sizes]
        return [((True, 20 * LIMIT.price, 0, 0, ()), True) for _ in batch_sizes]

    async def shift(self, shifts):  # type: ignore[no-untyped-def]
        if self.away:
            raise BucketStoreUnavailable("away")
        self.told += [int.from_bytes(shift[-4:], "little") for _, shift in shifts]


def test_requests_are_counted_after_an_outage() -> None:
    async def story() -> None:
        clock, redis = Clock(), _Away()
        leased = LeasingStore(redis, 50, clock)
        for _ in range(20):
            await leased.take_many([take_request()])
        redis.away = True
        spent = 0
        while not isinstance((await leased.take_many([take_request()]))[0], BucketStoreError):
            spent += 1
        clock.ns += LEASE_NS
        await leased.return_expired()
        redis.away = False
        clock.ns += LEASE_NS
        await leased.return_expired()
        assert spent > 0
        assert sum(redis.told) == 20 + spent
        assert leased._sweeping is not None
        leased._sweeping.cancel()

    asyncio.run(story())
