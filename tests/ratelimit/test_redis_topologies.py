"""Redis as operators run it: with a password, over TLS, behind Sentinels that fail over."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest
import redis

from ratelimit.bucket import TakeRequest
from ratelimit.claim import ClaimState
from ratelimit.limit import Limit
from ratelimit.stores import BucketStoreError, open_store
from ratelimit.stores.base import BucketStoreUnavailable, ClaimsUnsupported, TakeResult
from ratelimit.stores.redis.address import parse_address
from ratelimit.stores.redis.async_store import AsyncRedisStore
from ratelimit.stores.redis.store import RedisStore
from ratelimit.unit_counters import claims_on_units, name_of
from tests.conftest import Clock
from tests.ratelimit.claims.asking import quota, rate, seed
from tests.support.event_loops import closed
from tests.support.redis_server import RedisServer, running
from tests.support.redis_servers import Sentinel, certified, cluster
from tests.support.threaded_server import served
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.needs("redis"), pytest.mark.slow("runs Sentinels and a Cluster")]

KEY = b"lk_0123456789ab"
LIMIT = Limit(5, 86_400)


@pytest.fixture
def with_tls(tmp_path: Path) -> tuple[RedisServer, Path]:
    """A server that also speaks TLS, and the file of the authority that vouches for it."""
    return certified(tmp_path, "127.0.0.1")


def ask_on_loop(url: str, times: int) -> list[bool]:
    """Whether each of so many takes passes, asked from an event loop, one batch of two at a time."""

    async def ask() -> list[bool]:
        async_store = AsyncRedisStore(RedisStore(parse_address(url), timeout=5))
        passed: list[bool] = []
        try:
            for _ in range(times // 2):
                taken = await async_store.take_many([(KEY, LIMIT, 1, 0, 0, ())] * 2)
                passed += [isinstance(outcome, tuple) and outcome[0] for outcome in taken]
        finally:
            await async_store.close()
            await closed()
        return passed

    return asyncio.run(ask())


def test_event_loop_uses_tls_and_password(with_tls: tuple[RedisServer, Path]) -> None:
    server, ca = with_tls
    server.arguments += ("--requirepass", "right")
    with running(server):
        url = f"rediss://:right@127.0.0.1:{server.port + 1}/3?ca={ca}"
        assert ask_on_loop(url, 6) == [True] * 5 + [False]
        with redis.Redis(port=server.port, password="right", db=3) as client:
            assert client.keys("latchkey:bucket:*") == [b"latchkey:bucket:" + KEY]
        with pytest.raises(BucketStoreError, match="AuthenticationError"):
            ask_on_loop(url.replace("right", "other"), 2)


def test_an_event_loop_asks_a_cluster() -> None:
    with cluster() as url:
        assert ask_on_loop(url, 6) == [True] * 5 + [False]


def test_a_cluster_takes_limits_of_a_key_and_none_of_its_owner() -> None:
    own = rate(b"k:lk_0123456789ab:minute", Limit(4, 60))
    month, shared = quota(b"k:lk_0123456789ab:month", 2), rate(b"o:1:minute", Limit(9, 60))
    requests: list[TakeRequest] = [(KEY, LIMIT, 1, 0, 0, claims) for claims in ((own, month), (own, shared), (own,))]

    async def ask_async(store: RedisStore) -> list[TakeResult | None]:
        async_store = AsyncRedisStore(store)
        try:
            return await async_store.take_many(requests, 1)
        finally:
            await async_store.close()
            await closed()

    with cluster() as url:
        store = RedisStore(parse_address(url), Clock(), timeout=5)
        store.set_policy(4)
        assert store.policy() == 4
        seed(store, month)
        # The number of the policies is in a slot of its own, so it is not checked.
        for results in (store.take_many(requests, 1), asyncio.run(ask_async(store))):
            assert [type(one) for one in results] == [tuple, ClaimsUnsupported, tuple]
        assert store.adjust(own, add=-2).value == 2 * Limit(4, 60).price
        assert [use.used for use in store.quota_uses([month.counter]) if use] == [2]
        assert [one.refused for one in store.peek_claims([own, month]) if isinstance(one, ClaimState)] == [False, True]
        store.take(KEY, LIMIT, claims=claims_on_units(KEY, {"tokens": 350}))
        ((name, counter),) = store.scan_units()
        assert (name, sum(place.charged for place in counter.places)) == (name_of(KEY, "tokens"), 350)
        store.close()


@pytest.mark.slow("runs a Cluster")
def test_one_scan_of_a_cluster_finds_all_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    with cluster() as url, closing(RedisStore(parse_address(url), clock, timeout=5)) as store:
        keys = [f"lk_{number:012}".encode() for number in range(30)]
        for key in keys:
            store.take(key, LIMIT, claims=(rate(b"k:%b:own" % key, LIMIT), *claims_on_units(key, {"tokens": 350})))
        store.take(b"ip:192.0.2.1", LIMIT)
        patterns: list[bytes] = []
        scan = store._scan

        def noted(pattern: bytes) -> Iterator[tuple[bytes, bytes]]:
            patterns.append(pattern)
            return scan(pattern)

        monkeypatch.setattr(store, "_scan", noted)
        names = {name_of(key, "tokens") for key in keys}
        records, units = store.scan_usage(0)
        assert {name for name, _ in records} == {*keys}
        assert {name for name, _ in units} == names
        assert len(patterns) == 1
        # A pass that reads only a part of the records reads all of the other counters.
        records, units = store.scan_usage(0)
        next(records)
        assert {name for name, _ in units} == names
        clock.move(60)
        assert [*store.scan_usage(clock.ns).units] == []


def test_forgotten_script_is_sent_again() -> None:
    server = RedisServer()
    with running(server):

        async def story() -> None:
            async_store = AsyncRedisStore(RedisStore(parse_address(server.url), timeout=5))
            for passes in (True, True):
                assert (await async_store.take_many([(KEY, LIMIT, 1, 0, 0, ())]))[0][0] is passes  # type: ignore[index]
                with server.client() as client:
                    client.script_flush()
            await async_store.close()

        asyncio.run(story())


def test_non_redis_response_is_a_store_error() -> None:
    def greet(connection: socket.socket) -> None:
        connection.sendall(b"+OK\r\n" * 8 + b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with suppress(ConnectionError):
            while connection.recv(1024):
                pass

    async def story(port: int) -> None:
        async_store = AsyncRedisStore(RedisStore(parse_address(f"redis://127.0.0.1:{port}/0"), timeout=1))
        for _ in range(2):
            with pytest.raises(BucketStoreError):
                await async_store.take_many([(KEY, LIMIT, 1, 0, 0, ())])
        await async_store.close()

    with served(greet) as port:
        asyncio.run(story(port))


def test_tls_with_an_authority_of_ones_own(with_tls: tuple[RedisServer, Path]) -> None:
    server, ca = with_tls
    with running(server):
        store = open_store(f"rediss://127.0.0.1:{server.port + 1}/0?ca={ca}", timeout=2)
        assert store.take(KEY, LIMIT)[0]
        store.close()
        unknown = open_store(f"rediss://127.0.0.1:{server.port + 1}/0", timeout=2)
        with pytest.raises(BucketStoreError, match="certificate"):
            unknown.take(KEY, LIMIT)
        unknown.close()


def test_a_password_that_is_wrong_is_no_outage() -> None:
    server = RedisServer(("--requirepass", "right"))
    with running(server):
        right = open_store(f"redis://:right@127.0.0.1:{server.port}/0", timeout=2)
        assert right.take(KEY, LIMIT)[0]
        right.close()
        for url in (f"redis://:wrong@127.0.0.1:{server.port}/0", f"redis://127.0.0.1:{server.port}/0"):
            store = open_store(url, timeout=2)
            with pytest.raises(BucketStoreError) as caught:
                store.take(KEY, LIMIT)
            assert not isinstance(caught.value, BucketStoreUnavailable)
            assert "wrong" not in str(caught.value).replace("WRONGPASS", "")
            store.close()


@pytest.fixture
def guarded() -> Iterator[tuple[RedisServer, str]]:
    """A master with a replica and three Sentinels; the address by which they are asked."""
    master = RedisServer()
    replica = RedisServer(("--replicaof", "127.0.0.1", str(master.port)))
    sentinels = [Sentinel(master_port=master.port) for _ in range(3)]
    with running(master, replica, *sentinels):
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in sentinels)
        for sentinel in sentinels:
            wait_until(partial(_knows, sentinel), "the Sentinels")
        yield master, f"redis://{hosts}/0?sentinel=main"


def _knows(sentinel: RedisServer) -> bool:
    with sentinel.client() as client:
        try:
            state = client.sentinel_master("main")
        except redis.RedisError:
            return False
    return bool(state["num-other-sentinels"] == 2 and state["num-slaves"] == 1)


def test_sentinels_lead_to_the_new_master(guarded: tuple[RedisServer, str]) -> None:
    master, url = guarded
    store = open_store(url, timeout=2)
    for _ in range(3):
        assert store.take(KEY, LIMIT)[0]
    with master.client() as client:
        assert client.wait(1, 5000) == 1
    master.kill()

    def responds() -> bool:
        try:
            return store.peek(KEY).allowed == 3 and store.take(KEY, LIMIT, epoch=1)[0]
        except BucketStoreError:
            return False

    wait_until(responds, "the new master", seconds=30)
    assert [store.take(KEY, LIMIT, epoch=1)[0] for _ in range(2)] == [True, False]
    store.close()
