"""Redis is asked and does not answer in time, and goes on later: every use is counted once."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from ratelimit.bucket import TakeRequest
from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.stores import LmdbStore
from ratelimit.stores.call_sequence import CallSequence, ScriptCall
from ratelimit.stores.fallback import FallbackStore
from ratelimit.stores.fallback_mode import FallbackMode
from ratelimit.stores.redis import layout
from ratelimit.stores.redis.address import parse_address
from ratelimit.stores.redis.async_store import AsyncRedisStore
from ratelimit.stores.redis.leasing_store import LeasingStore
from ratelimit.stores.redis.scripts import TAKE
from ratelimit.stores.redis.store import RedisStore
from ratelimit.unit_counters import claims_on_units
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.needs("redis")

KEY = b"lk_0123456789ab"
LIMIT = Limit(5, 3600)
REQUEST: TakeRequest = (KEY, LIMIT, 1, 0, 0, ())


@pytest.fixture
def store(server: RedisServer, tmp_path: Path) -> Iterator[FallbackStore]:
    primary = RedisStore(parse_address(server.url), timeout=0.2)
    one = FallbackStore(primary, LmdbStore(tmp_path / "fallback"), FallbackMode.LOCAL, AsyncRedisStore(primary))
    yield one
    one.close()


def counted(store: FallbackStore) -> tuple[int, int]:
    """How many uses Redis counts, and how many this host."""
    assert store.local is not None
    there, here = store.primary.peek(KEY), store.local.peek(KEY)
    return there.allowed + there.throttled, here.allowed + here.throttled


def take_on_loop(store: FallbackStore, hang: Callable[[], None]) -> None:
    async def story() -> None:
        await store.take_many_async([REQUEST])
        hang()
        await store.take_many_async([REQUEST] * 3)
        await store.close_async()

    asyncio.run(story())


def take_on_thread(store: FallbackStore, hang: Callable[[], None]) -> None:
    store.take(*REQUEST)
    hang()
    store.take_many([REQUEST] * 3)


@pytest.mark.parametrize("way", [take_on_loop, take_on_thread])
def test_late_call_does_nothing(server: RedisServer, store: FallbackStore, way: Any) -> None:
    began = monotonic()
    way(store, server.stop)
    # The deadline may be late by the time that the first call took, which is less than all took together.
    passed = monotonic() + monotonic() - began
    wait_until(lambda: monotonic() > passed, "the deadline")
    server.go_on()
    wait_until(lambda: store.breaker.closed, "the breaker")
    assert counted(store) == (1, 3)


def send(store: FallbackStore, call: ScriptCall) -> list[int]:
    """Let Redis have a run."""
    encoded = (REQUEST, layout.encode_request(REQUEST))
    response: list[int] = store.primary._run(TAKE, *store.primary.keys.take_arguments([encoded], b"", call))
    return response


def next_call(store: FallbackStore) -> ScriptCall:
    sequence = store.primary.new_sequence()
    assert sequence is not None
    return sequence.next_call()


def test_call_with_lost_response_is_counted_remotely(store: FallbackStore) -> None:
    assert store._unsettled is not None
    call = next_call(store)
    send(store, call)
    store._unsettled.take(REQUEST, call)
    store._unsettled.settle()
    assert counted(store) == (1, 0)


def test_undelivered_call_is_counted_locally(store: FallbackStore) -> None:
    """Also if it comes in the end."""
    assert store._unsettled is not None
    call = next_call(store)
    store._unsettled.take(REQUEST, call)
    store._unsettled.add(KEY, 4, call)
    assert counted(store) == (0, 0)
    store._unsettled.settle()
    assert counted(store) == (0, 5)
    assert len(send(store, call)) == 2
    store._unsettled.settle()
    assert counted(store) == (0, 5)


@pytest.mark.parametrize("executed", [True, False])
def test_usage_by_unit_is_counted_once(store: FallbackStore, executed: bool) -> None:
    assert store._unsettled is not None
    assert store.local is not None
    request: TakeRequest = (KEY, LIMIT, 1, 0, 0, claims_on_units(KEY, {"tokens": 350}))
    call = next_call(store)
    if executed:
        encoded = (request, layout.encode_request(request))
        store.primary._run(TAKE, *store.primary.keys.take_arguments([encoded], b"", call))
    assert len(store._unsettled.take(request, call)[4]) == 1
    assert list(store.local.scan_units()) == []
    store._unsettled.settle()
    counters = [*store.primary.scan_units(), *store.local.scan_units()]
    assert [sum(place.charged for place in counter.places) for _, counter in counters] == [350]
    assert len(list(store.primary.scan_units())) == executed


def test_executed_calls_of_a_sequence_are_counted_once(store: FallbackStore) -> None:
    assert store._unsettled is not None
    sequence = store.primary.new_sequence()
    assert sequence is not None
    calls = [sequence.next_call() for _ in range(3)]
    for call in calls[:2]:
        send(store, call)
    for call in calls:
        store._unsettled.take(REQUEST, call)
    store._unsettled.settle()
    assert counted(store) == (2, 1)


def test_leased_requests_are_counted_once(server: RedisServer, store: FallbackStore) -> None:
    """Its uses are told to Redis with the next request, and that one comes late."""
    limit = Limit(1000, 3600)
    leased = store.async_store = LeasingStore(AsyncRedisStore(store.primary), 10)
    request = (KEY, limit, 1, 0, 0, ())

    async def story() -> int:
        for _ in range(5):
            await store.take_many_async([request] * 4)
        before = counted(store)[0]
        assert before < 20, "some are paid for by a lease"
        server.stop()
        await store.take_many_async([request] * 40)
        server.go_on()
        await asyncio.to_thread(wait_until, lambda: store.breaker.closed, "the breaker")
        await leased.close()
        return before

    asyncio.run(story())
    assert sum(counted(store)) == 60


def test_late_call_is_no_decision() -> None:
    with pytest.raises(ValueError, match="too late"):
        layout.parse_outcomes([REQUEST], [1, 2])


def test_deadline_is_by_the_clock_of_redis() -> None:
    sequence = CallSequence(b"line", 0.05)
    first = sequence.next_call()
    assert first.deadline_ns > 10**18 * 5, "nothing is known of that clock"
    sequence.record_server_time(first, 1_000 * NS_PER_SECOND)
    second = sequence.next_call()
    assert second.deadline_ns == 1_000 * NS_PER_SECOND + (second.sent_ns - first.sent_ns) + 50_000_000
    sequence.record_server_time(second, 7)
    assert sequence.next_call().deadline_ns < NS_PER_SECOND, "it was set back"
