"""Redis is asked and does not answer in time, and goes on later: every use is counted once."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ratelimit.bucket import Asked
from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.stores import LmdbStore
from ratelimit.stores.fallback import Fallback, FallbackStore
from ratelimit.stores.redis import layout
from ratelimit.stores.redis.address import parse_address
from ratelimit.stores.redis.layout import TAKE
from ratelimit.stores.redis.leased import Leased
from ratelimit.stores.redis.line import Line, Run
from ratelimit.stores.redis.on_loop import OnLoop
from ratelimit.stores.redis.store import RedisStore
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.needs("redis")

KEY = b"lk_0123456789ab"
LIMIT = Limit(5, 3600)
ASKED: Asked = (KEY, LIMIT, 1, 0, 0)


@pytest.fixture
def store(server: RedisServer, tmp_path: Path) -> Iterator[FallbackStore]:
    primary = RedisStore(parse_address(server.url), timeout=0.2)
    one = FallbackStore(primary, LmdbStore(tmp_path / "fallback"), Fallback.LOCAL, OnLoop(primary))
    yield one
    one.close()


def counted(store: FallbackStore) -> tuple[int, int]:
    """How many uses Redis counts, and how many this host."""
    assert store.local is not None
    there, here = store.primary.peek(KEY), store.local.peek(KEY)
    return there.allowed + there.throttled, here.allowed + here.throttled


def on_loop(store: FallbackStore, hang: Callable[[], None]) -> None:
    async def story() -> None:
        await store.take_many_on_loop([ASKED])
        hang()
        await store.take_many_on_loop([ASKED] * 3)
        await store.leave_loop()

    asyncio.run(story())


def on_a_thread(store: FallbackStore, hang: Callable[[], None]) -> None:
    store.take(*ASKED)
    hang()
    store.take_many([ASKED] * 3)


@pytest.mark.parametrize("way", [on_loop, on_a_thread])
def test_run_that_comes_late_does_nothing(server: RedisServer, store: FallbackStore, way: Any) -> None:
    way(store, server.stop)
    server.go_on()
    wait_until(lambda: store.breaker.closed, "the breaker")
    assert counted(store) == (1, 3)


def send(store: FallbackStore, run: Run) -> list[int]:
    """Let Redis have a run."""
    question = (ASKED, layout.request_argument(ASKED))
    told: list[int] = store.primary._run(TAKE, *store.primary.keys.take_arguments([question], b"", run))
    return told


def next_run(store: FallbackStore) -> Run:
    line = store.primary.new_line()
    assert line is not None
    return line.next_run()


def test_run_whose_response_was_lost_is_counted_there_alone(store: FallbackStore) -> None:
    assert store._unknown is not None
    run = next_run(store)
    send(store, run)
    store._unknown.take(ASKED, run)
    store._unknown.settle()
    assert counted(store) == (1, 0)


def test_run_that_never_came_is_counted_here_alone(store: FallbackStore) -> None:
    """Also if it comes in the end."""
    assert store._unknown is not None
    run = next_run(store)
    store._unknown.take(ASKED, run)
    store._unknown.note(KEY, 4, run)
    assert counted(store) == (0, 0)
    store._unknown.settle()
    assert counted(store) == (0, 5)
    assert len(send(store, run)) == 2
    store._unknown.settle()
    assert counted(store) == (0, 5)


def test_runs_of_a_line_that_were_executed_are_told_from_those_that_were_not(store: FallbackStore) -> None:
    assert store._unknown is not None
    line = store.primary.new_line()
    assert line is not None
    runs = [line.next_run() for _ in range(3)]
    for run in runs[:2]:
        send(store, run)
    for run in runs:
        store._unknown.take(ASKED, run)
    store._unknown.settle()
    assert counted(store) == (2, 1)


def test_what_a_lease_let_pass_is_counted_once(server: RedisServer, store: FallbackStore) -> None:
    """Its uses are told to Redis with the next request, and that one comes late."""
    limit = Limit(1000, 3600)
    leased = store.on_loop = Leased(OnLoop(store.primary), 10)
    asked = (KEY, limit, 1, 0, 0)

    async def story() -> int:
        for _ in range(5):
            await store.take_many_on_loop([asked] * 4)
        before = counted(store)[0]
        assert before < 20, "some are paid for by a lease"
        server.stop()
        await store.take_many_on_loop([asked] * 40)
        server.go_on()
        await asyncio.to_thread(wait_until, lambda: store.breaker.closed, "the breaker")
        await leased.leave()
        return before

    asyncio.run(story())
    assert sum(counted(store)) == 60


def test_run_that_did_nothing_is_no_decision() -> None:
    with pytest.raises(ValueError, match="too late"):
        layout.outcomes_of([ASKED], [1, 2])


def test_deadline_is_by_the_clock_of_redis() -> None:
    line = Line(b"line", 0.05)
    first = line.next_run()
    assert first.deadline_ns > 10**18 * 5, "nothing is known of that clock"
    line.heard(first, 1_000 * NS_PER_SECOND)
    second = line.next_run()
    assert second.deadline_ns == 1_000 * NS_PER_SECOND + (second.sent_ns - first.sent_ns) + 50_000_000
    line.heard(second, 7)
    assert line.next_run().deadline_ns < NS_PER_SECOND, "it was set back"
