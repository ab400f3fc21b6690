"""Counters in Redis: their names, damaged and foreign values, lost scripts, an event loop, leases, processes."""

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest
from redis.crc import key_slot

from ratelimit.bucket import TakeRequest
from ratelimit.claim import MAX_USED, Claim, CountersMissing, PolicyOutdated
from ratelimit.limit import Limit
from ratelimit.stores.base import ClaimsUnsupported
from ratelimit.stores.redis.address import parse_address
from ratelimit.stores.redis.async_store import AsyncRedisStore
from ratelimit.stores.redis.key_names import KeyNames
from ratelimit.stores.redis.leasing_store import LeasingStore
from ratelimit.stores.redis.store import RedisStore
from tests.conftest import Clock
from tests.ratelimit.claims.asking import quota, rate, seed
from tests.ratelimit.outcomes import states_of
from tests.ratelimit.test_stores import start
from tests.support.event_loops import closed
from tests.support.redis_server import RedisServer

KEY = b"lk_0123456789ab"
LIMIT = Limit(100, 60)
MONTH = quota(b"o:3:month", 100)
MINUTE = rate(b"k:lk_0123456789ab:minute", Limit(6, 7))
MONTH_NAME = "latchkey:owner:3:month"
MINUTE_NAME = "{latchkey:bucket:lk_0123456789ab}:minute"
needs_redis = pytest.mark.needs("redis")


@pytest.fixture
def redis_store(server: RedisServer, clock: Clock) -> Iterator[RedisStore]:
    with closing(RedisStore(parse_address(server.url), clock, timeout=5)) as store:
        yield store


def values(store: RedisStore, *claims: Claim) -> tuple[int, ...]:
    return tuple(state.value for state in states_of(store.take(KEY, LIMIT, 1, 0, 0, claims)))


def test_counter_of_a_key_is_in_the_slot_of_its_record() -> None:
    names = KeyNames(parse_address("redis://a?cluster=true&prefix=shop:"))
    assert names.counter(MINUTE.counter) == b"{shop:bucket:lk_0123456789ab}:minute"
    assert key_slot(names.counter(MINUTE.counter)) == key_slot(names.record(KEY))
    assert names.counter(MONTH.counter) == b"shop:owner:3:month"


@needs_redis
def test_names_in_redis(server: RedisServer, redis_store: RedisStore) -> None:
    seed(redis_store, MONTH)
    values(redis_store, MONTH, MINUTE)
    redis_store.set_policy(3)
    with server.client() as client:
        names = {bytes(name).decode() for name in client.scan_iter("*")}
    names = {name for name in names if not name.startswith("latchkey:line:")}
    assert names == {f"latchkey:bucket:{KEY.decode()}", "latchkey:used", "latchkey:policy", MONTH_NAME, MINUTE_NAME}
    redis_store.forget(MONTH.counter)
    assert redis_store.quota_uses([MONTH.counter]) == [None]


@needs_redis
@pytest.mark.parametrize("raw", [b"", b"x" * 47, b"\xff" * 48, b"\xff" * 32, b"x" * 49])
def test_damaged_counter_counts_as_none(server: RedisServer, redis_store: RedisStore, raw: bytes) -> None:
    with server.client() as client:
        client.mset({MONTH_NAME: raw, MINUTE_NAME: raw})
    with pytest.raises(CountersMissing):
        values(redis_store, MONTH, MINUTE)
    assert redis_store.quota_uses([MONTH.counter]) == [None]
    assert isinstance(redis_store.peek_claims([MONTH])[0], CountersMissing)
    seed(redis_store, MONTH, used=7)
    assert values(redis_store, MONTH, MINUTE) == (8, Limit(6, 7).price)


@needs_redis
def test_value_of_another_type_counts_as_none_and_is_replaced(server: RedisServer, redis_store: RedisStore) -> None:
    with server.client() as client:
        for name in (MONTH_NAME, MINUTE_NAME, "latchkey:policy"):
            client.lpush(name, "x")
    with pytest.raises(CountersMissing):
        redis_store.take(KEY, LIMIT, 1, 0, 0, (MONTH, MINUTE), 5)
    seed(redis_store, MONTH, used=7)
    assert values(redis_store, MONTH, MINUTE) == (8, Limit(6, 7).price)
    redis_store.set_policy(2)
    assert redis_store.policy() == 2


@needs_redis
@pytest.mark.parametrize("raw", [b"", b"x", b"-1", b"nan", b"inf", b"9" * 16, b"9" * 40])
def test_damaged_number_of_the_policies_counts_as_none(
    server: RedisServer, redis_store: RedisStore, raw: bytes
) -> None:
    with server.client() as client:
        client.set("latchkey:policy", raw)
    assert redis_store.policy() == 0
    assert redis_store.take(KEY, LIMIT, 1, 0, 0, (MINUTE,), 0)[0]
    redis_store.set_policy(2)
    assert redis_store.policy() == 2


@needs_redis
def test_damaged_limit_of_a_counter_spends_nothing(server: RedisServer, redis_store: RedisStore) -> None:
    values(redis_store, MINUTE)
    with server.client() as client:
        raw = bytes(client.get(MINUTE_NAME) or b"")
        client.set(MINUTE_NAME, raw[:8] + bytes(8) + raw[16:])
    assert values(redis_store, MINUTE) == (Limit(6, 7).price,)


@needs_redis
def test_forgotten_scripts_are_sent_again(server: RedisServer, redis_store: RedisStore) -> None:
    with server.client() as client:
        seed(redis_store, MONTH)
        for used in (1, 2):
            client.script_flush()
            assert values(redis_store, MONTH) == (used,)
        client.script_flush()
        assert redis_store.adjust(MONTH, used=9).value == 9
        client.script_flush()
        redis_store.set_policy(4)
    assert redis_store.policy() == 4


@needs_redis
def test_largest_numbers_are_exact(redis_store: RedisStore) -> None:
    most = quota(b"o:3:most", 10**15, cost=1)
    seed(redis_store, most, used=10**15 - 1)
    assert values(redis_store, most) == (10**15,)
    assert not redis_store.take(KEY, LIMIT, 1, 0, 0, (most,))[0]
    assert redis_store.adjust(most, add=MAX_USED).value == MAX_USED


@needs_redis
def test_event_loop_leaves_a_changed_limit_to_take(server: RedisServer, redis_store: RedisStore) -> None:
    values(redis_store, MINUTE._replace(cost=3))
    larger: TakeRequest = (KEY, LIMIT, 1, 0, 0, (rate(MINUTE.counter, Limit(60, 7)),))
    other: TakeRequest = (b"lk_other", LIMIT, 1, 0, 0, (rate(b"k:lk_other:minute", Limit(60, 7)),))

    async def story() -> None:
        async_store = AsyncRedisStore(redis_store)
        results = await async_store.take_many([larger, other])
        assert results[0] is None
        assert isinstance(results[1], tuple)
        redis_store.set_policy(2)
        outdated = await async_store.take_many([larger, other], 1)
        assert [type(one) for one in outdated] == [PolicyOutdated] * 2
        await async_store.close()
        await closed()

    asyncio.run(story())
    # The three tokens stay spent.
    assert states_of(redis_store.take(*larger))[0].value == 4 * Limit(60, 7).price


@needs_redis
def test_lease_pays_for_no_request_with_claims(server: RedisServer, redis_store: RedisStore) -> None:
    plain: TakeRequest = (KEY, LIMIT, 1, 0, 0, ())
    claimed: TakeRequest = (KEY, LIMIT, 1, 0, 0, (MINUTE,))

    async def story() -> None:
        leasing = LeasingStore(AsyncRedisStore(redis_store), 5)
        with server.client() as client:
            calls = []
            for _ in range(20):
                await leasing.take_many([plain])
                calls.append(client.info("commandstats")["cmdstat_evalsha"]["calls"])
            # A lease paid for the last of them, and has tokens left for the next.
            assert calls[-1] == calls[-2]
            assert leasing._book._leases[KEY, 0].unspent > 0
            (outcome,) = await leasing.take_many([claimed])
            assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == calls[-1] + 1
        assert isinstance(outcome, tuple)
        assert [state.value for state in states_of(outcome)] == [Limit(6, 7).price]
        await leasing.close()
        await closed()

    asyncio.run(story())
    assert redis_store.peek(KEY).allowed == 21


def test_cluster_takes_no_limits_of_owners() -> None:
    # Nothing answers there, and nothing is asked.
    store = RedisStore(parse_address("redis://127.0.0.1:1?cluster=true"))
    with pytest.raises(ClaimsUnsupported, match="limits that an owner's keys share need one server"):
        store.take(KEY, LIMIT, 1, 0, 0, (MINUTE, MONTH))


SHARED = """
    import sys
    from concurrent.futures import ThreadPoolExecutor
    from ratelimit.claim import Claim, Term
    from ratelimit.limit import Limit
    from ratelimit.stores import open_store
    store = open_store(sys.argv[1], timeout=30)
    end = 4102444800
    claim = Claim(b"o:2:month", 2, 1, True, (Term(end, None, 1000, end),))
    print("ready", flush=True)
    sys.stdin.readline()

    def ask(batch):
        requests = [(b"lk_%d" % (number % 50), Limit(1000, 86400), 1, 0, 0, (claim,)) for number in range(50)]
        return sum(one[0] for one in store.take_many(requests))

    with ThreadPoolExecutor(8) as pool:
        print(sum(pool.map(ask, range(50))), flush=True)
"""


@needs_redis
def test_processes_take_a_shared_quota_to_the_last_unit(server: RedisServer) -> None:
    with closing(RedisStore(parse_address(server.url), timeout=30)) as store:
        seed(store, quota(b"o:2:month", 1000, ends_s=4102444800))
        processes = [start(SHARED, server.url) for _ in range(2)]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        assert sum(int(process.communicate(timeout=60)[0]) for process in processes) == 1000
        records = [record for _, record in store.scan_records(b"lk_")]
    assert sum(record.allowed for record in records) == 1000
    assert sum(record.throttled for record in records) == 4000
