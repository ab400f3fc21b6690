"""What decides while Redis is away, how it is found out, and what an outage can cost."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ratelimit.limit import CostExceedsBurst, Limit
from ratelimit.stores import LmdbStore
from ratelimit.stores.base import BucketStoreError, BucketStoreUnavailable
from ratelimit.stores.fallback import FallbackStore
from ratelimit.stores.fallback_mode import FallbackMode
from ratelimit.stores.redis.address import parse_address
from ratelimit.stores.redis.async_store import AsyncRedisStore
from ratelimit.stores.redis.store import RedisStore
from tests.conftest import Clock
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

KEY = b"lk_0123456789ab"
ADDRESS = b"ip:203.0.113.1"
LIMIT = Limit(5, 3600)
MakeStore = Callable[[FallbackMode], FallbackStore]


@pytest.fixture
def make_store(server: RedisServer, tmp_path: Path, clock: Clock) -> Iterator[MakeStore]:
    made: list[FallbackStore] = []

    def make(mode: FallbackMode) -> FallbackStore:
        primary = RedisStore(parse_address(server.url), timeout=0.3)
        local = None if mode is FallbackMode.DENY else LmdbStore(tmp_path / "fallback", clock)
        made.append(FallbackStore(primary, local, mode, AsyncRedisStore(primary), clock.seconds))
        return made[-1]

    yield make
    for store in made:
        store.close()


def lose(server: RedisServer, store: FallbackStore) -> None:
    """Kills Redis, and asks until the breaker has seen it."""
    server.kill()
    with suppress(BucketStoreError):
        store.take(b"lk_zzzzzzzzzzzz", None)
    assert not store.breaker.closed
    assert not store.confirms_epochs


def regain(server: RedisServer, store: FallbackStore) -> None:
    server.start()
    wait_until(lambda: store.breaker.closed, "the breaker")


needs_redis = pytest.mark.needs("redis")


@needs_redis
def test_local_buckets_decide_under_the_same_limits(server: RedisServer, make_store: MakeStore) -> None:
    store = make_store(FallbackMode.LOCAL)
    lose(server, store)
    assert [store.take(KEY, LIMIT)[0] for _ in range(6)] == [True] * 5 + [False]
    assert [taken[0] for taken in store.take_many([(b"lk_b", LIMIT, 3, 0, 0, ())] * 2)] == [True, False]  # type: ignore[index]
    assert store.peek(KEY).allowed == 5
    with pytest.raises(CostExceedsBurst):
        store.take(KEY, LIMIT, 6)


@needs_redis
def test_allow_mode_still_limits_addresses(server: RedisServer, make_store: MakeStore) -> None:
    store = make_store(FallbackMode.ALLOW)
    lose(server, store)
    assert all(store.take(KEY, LIMIT)[0] for _ in range(50))
    assert [store.take(ADDRESS, LIMIT)[0] for _ in range(6)] == [True] * 5 + [False]
    assert store.local is not None
    assert store.local.peek(KEY).allowed == 50
    with pytest.raises(CostExceedsBurst):
        store.take(KEY, LIMIT, 6)


@needs_redis
def test_deny_decides_nothing(server: RedisServer, make_store: MakeStore) -> None:
    store = make_store(FallbackMode.DENY)
    lose(server, store)
    with pytest.raises(BucketStoreError, match="BUCKET_STORE_FALLBACK is deny"):
        store.take(KEY, LIMIT)
    (taken,) = store.take_many([(KEY, LIMIT, 1, 0, 0, ())])
    assert isinstance(taken, BucketStoreError)


@needs_redis
@pytest.mark.parametrize("silent", [False, True])
def test_primary_is_used_again_after_an_outage(
    server: RedisServer, make_store: MakeStore, clock: Clock, silent: bool
) -> None:
    """Killed, or stopped so that it takes connections and says nothing."""
    store = make_store(FallbackMode.LOCAL)
    assert store.take(KEY, LIMIT)[0]
    if silent:
        server.stop()
        assert store.take(KEY, LIMIT)[0]
        assert not store.breaker.closed
        server.go_on()
        wait_until(lambda: store.breaker.closed, "the breaker")
    else:
        lose(server, store)
        regain(server, store)
    # Who got the last decision of the fallback may ask only now.
    confirms = [store.confirms_epochs]
    clock.move(1)
    assert [*confirms, store.confirms_epochs] == [False, True]
    before = store.primary.peek(KEY).allowed
    assert store.take(KEY, LIMIT)[0]
    assert store.primary.peek(KEY).allowed == before + 1


@needs_redis
def test_event_loop_falls_back_too(server: RedisServer, make_store: MakeStore) -> None:
    store = make_store(FallbackMode.LOCAL)

    async def story() -> None:
        requests = [(KEY, LIMIT, 1, 0, 0, ())]
        assert (await store.take_many_async(requests))[0][0]  # type: ignore[index]
        server.kill()
        for _ in range(7):
            assert isinstance((await store.take_many_async(requests))[0], tuple)
        assert not store.breaker.closed
        await store.close_async()

    asyncio.run(story())
    assert store.local is not None
    assert store.local.peek(KEY).allowed == 4, "the first one may have been counted by Redis"
    regain(server, store)
    assert store.local.peek(KEY).allowed == 5


@needs_redis
def test_a_debt_is_charged_to_redis_on_return(server: RedisServer, make_store: MakeStore, clock: Clock) -> None:
    store = make_store(FallbackMode.LOCAL)
    lose(server, store)
    for _ in range(3):
        store.take(KEY, LIMIT)
    regain(server, store)
    assert not store.reconcile()  # another process of the host may decide by that bucket still
    clock.move(1.1)
    assert store.reconcile()
    assert [store.take(KEY, LIMIT)[0] for _ in range(3)] == [True, True, False]
    assert store.reconcile()
    assert store.local is not None
    assert store.local.peek(KEY).allowed == 3


@needs_redis
def test_epoch_published_during_outage_applies_locally(server: RedisServer, make_store: MakeStore) -> None:
    store = make_store(FallbackMode.LOCAL)
    lose(server, store)
    with pytest.raises(BucketStoreUnavailable):
        store.set_epoch(KEY, 3)
    assert store.take(KEY, LIMIT, epoch=2) == (False, 0, 0, 3, ())


@needs_redis
@pytest.mark.parametrize(
    ("command", "error"),
    [(("CONFIG", "SET", "maxmemory", "1"), "OutOfMemoryError"), (("REPLICAOF", "127.0.0.1", "1"), "ReadOnlyError")],
)
def test_server_that_rejects_writes_counts_as_down(
    server: RedisServer, make_store: MakeStore, command: tuple[str, ...], error: str
) -> None:
    store = make_store(FallbackMode.LOCAL)
    with server.client() as client:
        client.execute_command(*command)
    with pytest.raises(BucketStoreError, match=error):
        store.ping()
    assert store.take(KEY, LIMIT)[0]
    assert not store.breaker.closed


@needs_redis
def test_blocked_event_loop_is_no_outage(server: RedisServer, make_store: MakeStore) -> None:
    store = make_store(FallbackMode.LOCAL)

    async def story() -> None:
        await store.take_many_async([(KEY, LIMIT, 1, 0, 0, ())])
        deciding = asyncio.ensure_future(store.take_many_async([(KEY, LIMIT, 1, 0, 0, ())]))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(server.client().execute_command, "DEBUG", "SLEEP", "0.35")
        assert (await deciding)[0][0]  # type: ignore[index]
        await store.close_async()

    asyncio.run(story())
    assert store.breaker.closed
    assert store.primary.peek(KEY).allowed == 2
