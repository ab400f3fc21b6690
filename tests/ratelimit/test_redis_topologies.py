"""Redis as operators run it: with a password, over TLS, behind Sentinels that fail over."""

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import redis
import trustme

from benchmarks.redis_server import RedisServer, running
from ratelimit.limit import Limit
from ratelimit.stores import BucketStoreError, open_store
from ratelimit.stores.base import BucketStoreAway
from ratelimit.stores.redis.address import parse_address
from ratelimit.stores.redis.on_loop import OnLoop
from ratelimit.stores.redis.store import RedisStore
from tests.redis_servers import Sentinel, cluster, wait_until

pytestmark = pytest.mark.needs("redis")

KEY = b"lk_0123456789ab"
LIMIT = Limit(5, 86_400)


@pytest.fixture
def certified(tmp_path: Path) -> tuple[RedisServer, Path]:
    """A server that speaks TLS alone, and the file of the authority that vouches for it."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    ca, chain, key = tmp_path / "ca.pem", tmp_path / "cert.pem", tmp_path / "key.pem"
    authority.cert_pem.write_to_path(ca)
    certificate.private_key_pem.write_to_path(key)
    certificate.cert_chain_pems[0].write_to_path(chain)
    server = RedisServer()
    files = ("--tls-cert-file", str(chain), "--tls-key-file", str(key), "--tls-ca-cert-file", str(ca))
    server.arguments = ("--tls-port", str(server.port + 1), "--tls-auth-clients", "no", *files)
    return server, ca


def ask_on_loop(url: str, times: int) -> list[bool]:
    """Whether each of so many takes passes, asked from an event loop, one batch of two at a time."""

    async def ask() -> list[bool]:
        store = RedisStore(parse_address(url), timeout=5)
        on_loop = OnLoop(store)
        passed: list[bool] = []
        for _ in range(times // 2):
            taken = await on_loop.take_many([(KEY, LIMIT, 1, 0, 0)] * 2)
            passed += [isinstance(outcome, tuple) and outcome[0] for outcome in taken]
        await on_loop.leave()
        return passed

    return asyncio.run(ask())


def test_an_event_loop_speaks_tls_with_a_password_too(certified: tuple[RedisServer, Path]) -> None:
    server, ca = certified
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


def test_a_script_that_the_server_forgot_is_sent_again() -> None:
    server = RedisServer()
    with running(server):

        async def story() -> None:
            on_loop = OnLoop(RedisStore(parse_address(server.url), timeout=5))
            for passes in (True, True):
                assert (await on_loop.take_many([(KEY, LIMIT, 1, 0, 0)]))[0][0] is passes  # type: ignore[index]
                with server.client() as client:
                    client.script_flush()
            await on_loop.leave()

        asyncio.run(story())


def test_what_is_no_answer_of_redis_is_a_failure_of_the_store() -> None:
    async def story() -> None:
        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"+OK\r\n" * 8 + b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await writer.drain()
            await reader.read()
            writer.close()

        async with await asyncio.start_server(greet, "127.0.0.1", 0) as stranger:
            port = stranger.sockets[0].getsockname()[1]
            on_loop = OnLoop(RedisStore(parse_address(f"redis://127.0.0.1:{port}/0"), timeout=1))
            for _ in range(2):
                with pytest.raises(BucketStoreError):
                    await on_loop.take_many([(KEY, LIMIT, 1, 0, 0)])
            await on_loop.leave()

    asyncio.run(story())


def test_tls_with_an_authority_of_ones_own(certified: tuple[RedisServer, Path]) -> None:
    server, ca = certified
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
            assert not isinstance(caught.value, BucketStoreAway)
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

    def answers() -> bool:
        try:
            return store.peek(KEY).allowed == 3 and store.take(KEY, LIMIT, epoch=1)[0]
        except BucketStoreError:
            return False

    wait_until(answers, "the new master", seconds=30)
    assert [store.take(KEY, LIMIT, epoch=1)[0] for _ in range(2)] == [True, False]
    store.close()
