"""Reservations in Redis: their names, when Redis deletes them, foreign values, lost scripts, and an outage."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from time import time_ns

import pytest
from redis.crc import key_slot

from ratelimit.limit import Limit
from ratelimit.reservation import KEPT_SECONDS, ReservationUnknown
from ratelimit.reservation_id import new_name
from ratelimit.slots import MAX_SLOTS, pack_slots
from ratelimit.stores import LmdbStore, MemoryStore, open_store
from ratelimit.stores.base import BucketStoreError, BucketStoreUnavailable, ClaimsUnsupported
from ratelimit.stores.fallback import FallbackStore
from ratelimit.stores.fallback_mode import FallbackMode
from ratelimit.stores.redis.address import parse_address
from ratelimit.stores.redis.async_store import AsyncRedisStore
from ratelimit.stores.redis.key_names import KeyNames
from ratelimit.stores.redis.store import RedisStore
from tests.conftest import Clock
from tests.ratelimit.outcomes import states_of
from tests.ratelimit.reservations.asking import (
    CALLER,
    KEY,
    LIMIT,
    PACE,
    RATE,
    SEATS,
    TOKENS,
    Reserver,
    quota,
    rate,
    seats,
)
from tests.ratelimit.reservations.test_records import DAMAGED
from tests.support.redis_server import RedisServer
from tests.support.redis_servers import cluster
from tests.support.waiting import wait_until

needs_redis = pytest.mark.needs("redis")


@pytest.fixture
def redis_store(server: RedisServer, clock: Clock) -> Iterator[RedisStore]:
    with closing(RedisStore(parse_address(server.url), clock, timeout=5)) as store:
        yield store


@pytest.fixture
def reserver(redis_store: RedisStore, clock: Clock) -> Reserver:
    return Reserver(redis_store, clock)


def test_all_names_are_in_the_slot_of_the_record() -> None:
    names = KeyNames(parse_address("redis://a?cluster=true&prefix=shop:"))
    name = b"r:lk_0123456789ab:" + b"x" * 22
    assert names.reservation(name) == b"{shop:bucket:lk_0123456789ab}:r:" + b"x" * 22
    for one in (names.reservation(name), names.open_reservations(KEY), names.counter(TOKENS)):
        assert key_slot(one) == key_slot(names.record(KEY))


@needs_redis
def test_redis_deletes_what_has_ended(server: RedisServer) -> None:
    clock = Clock(time_ns())
    with closing(RedisStore(parse_address(server.url), timeout=5)) as store, server.client() as client:
        reserver = Reserver(store, clock)
        made = reserver.reserve(quota(clock, 10), seats(2), ttl=60)
        record, held, open_ones = (
            store.keys.reservation(reserver.name), store.keys.counter(b"k:lk_0123456789ab:seats"),
            store.keys.open_reservations(KEY),
        )  # fmt: skip
        assert client.expiretime(record) == made.expires_s + KEPT_SECONDS
        assert client.expiretime(held) == made.expires_s
        assert client.expiretime(open_ones) == (made.expires_s // 60 + 1) * 60
        end = store.extend(reserver.name, CALLER, 600)
        assert client.expiretime(record) == end + KEPT_SECONDS
        assert client.expiretime(held) == end
        reserver.settle(quota(clock, 4))
        assert client.expiretime(record) == end + KEPT_SECONDS
        assert client.exists(held, open_ones) == 0
        assert client.ttl(store.keys.counter(TOKENS)) == -1


@needs_redis
@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_reservation_is_unknown(server: RedisServer, reserver: Reserver, clock: Clock, name: str) -> None:
    reserver.reserve(quota(clock, 1000))
    with server.client() as client:
        client.set(b"{latchkey:bucket:lk_0123456789ab}:r:" + reserver.name[-22:], DAMAGED[name])
    with pytest.raises(ReservationUnknown):
        reserver.settle(quota(clock, 1))
    with pytest.raises(ReservationUnknown):
        reserver.store.extend(reserver.name, CALLER, 60)
    assert reserver.used() == 1000


@needs_redis
def test_foreign_values_count_as_none(server: RedisServer, reserver: Reserver) -> None:
    with server.client() as client:
        for name in ("seats", "r:open"):
            client.rpush(f"{{latchkey:bucket:lk_0123456789ab}}:{name}", "x")
    made = reserver.reserve(seats(1))
    assert (made.outcome[0], states_of(made.outcome)[0].value) == (True, 1)
    assert reserver.reserve(seats(1)).outcome[0] is False


@needs_redis
def test_no_more_than_the_most_slots_are_counted(server: RedisServer, reserver: Reserver, clock: Clock) -> None:
    """Also if a limit only observes: a counter of any size would hold Redis for any time."""
    end = clock.ns // 10**9 + 30
    memory = MemoryStore(clock)
    full = pack_slots(9, {b"%022d" % number: end + number for number in range(MAX_SLOTS)})
    memory._counters[SEATS] = full
    with server.client() as client:
        client.set(b"{latchkey:bucket:lk_0123456789ab}:seats", full)
    for one in (reserver, Reserver(memory, clock)):
        state = states_of(one.reserve(seats(5, enforced=False)).outcome)[0]
        assert (state.refused, state.value) == (False, MAX_SLOTS)
        (charge,) = one.store.settle(one.name, CALLER, 1, ()).charges
        assert (charge.corrects, charge.value) == (False, MAX_SLOTS)
        # All but 4 have to end first.
        assert states_of(one.reserve(seats(5)).outcome)[0].wait_ns == (30 + MAX_SLOTS - 5) * 10**9


@needs_redis
def test_scripts_that_redis_lost_are_loaded_again(server: RedisServer, reserver: Reserver, clock: Clock) -> None:
    with server.client() as client:
        client.script_flush()
        reserver.reserve(quota(clock, 10), limit=LIMIT)
        client.script_flush()
        reserver.store.extend(reserver.name, CALLER, 600)
        client.script_flush()
        assert reserver.settle(quota(clock, 4))[TOKENS].returned == 6


@needs_redis
@pytest.mark.parametrize(
    ("likely", "runs"), [((PACE, SEATS), 1), ((PACE,), 2), ((PACE, SEATS, b"k:%b:other" % KEY), 1)]
)
def test_settlement_is_one_run_if_the_counters_are_expected(
    server: RedisServer, reserver: Reserver, clock: Clock, likely: tuple[bytes, ...], runs: int
) -> None:
    reserver.reserve(quota(clock, 10), rate(3), seats(2), limit=LIMIT)
    with server.client() as client:
        # The first run of the script loads it.
        reserver.store.settle(reserver.name, CALLER, 1, (quota(clock, 4),), (PACE, SEATS))
        reserver.reserve(quota(clock, 10), rate(3), seats(2), limit=LIMIT)
        client.config_resetstat()
        settlement = reserver.store.settle(reserver.name, CALLER, 1, (quota(clock, 4),), likely)
        stats = client.info("commandstats")
    assert {charge.counter: charge.returned for charge in settlement.charges if not charge.is_slot} == {
        b"key": 0,
        TOKENS: 6,
        PACE: 3,
    }
    assert stats["cmdstat_evalsha"]["calls"] == runs
    assert (reserver.used(), reserver.value(seats(2))) == (8, 0)


@needs_redis
def test_parallel_settlements_are_one(reserver: Reserver, clock: Clock) -> None:
    reserver.reserve(quota(clock, 1000), rate(30), seats(2), limit=LIMIT, cost=10)

    def settle(tokens: int) -> object:
        return reserver.store.settle(reserver.name, CALLER, 3, (quota(clock, tokens), rate(5)))

    with ThreadPoolExecutor(8) as threads:
        settlements = list(threads.map(settle, range(100, 140)))
    assert settlements.count(settlements[0]) == 40
    assert 100 <= reserver.used() < 140
    assert reserver.value(seats(2)) == 0


@needs_redis
def test_limits_that_changed_are_converted(reserver: Reserver) -> None:
    reserver.reserve(rate(60), limit=LIMIT, cost=100)
    reserver.settle(rate(90), key_cost=100)
    double, other = Limit(120, 60), Limit(200, 3600)
    made = reserver.reserve(rate(30, double), limit=other, cost=100)
    assert (made.outcome[0], made.outcome[1]) == (True, other.capacity)
    assert states_of(made.outcome)[0].value == double.capacity


@needs_redis
@pytest.mark.parametrize("limit", [Limit(999_999_937, 2_678_399), Limit(999_999_999, 1), Limit(1, 2_678_400)])
def test_extreme_limits_are_exact(redis_store: RedisStore, clock: Clock, limit: Limit) -> None:
    reservers = [Reserver(store, clock) for store in (redis_store, MemoryStore(clock))]
    costs = (limit.burst, 0, limit.burst // 3, 1, 2 * limit.burst - 1, 10**15, limit.burst // 7)
    for cost, ns in zip(costs, (0, 1, 12_345_678_901, 10**15 + 1, 7, 999_999_999, 10**13), strict=True):
        clock.ns += ns
        for one in reservers:
            assert one.reserve(rate(min(cost, limit.burst) // 2, limit)._replace(enforced=False)).outcome[0]
        clock.ns += 1
        found, wanted = (one.settle(rate(cost, limit)) for one in reservers)
        assert found == wanted


@needs_redis
def test_cluster_does_not_settle_shared_limits(reserver: Reserver, clock: Clock) -> None:
    with closing(RedisStore(parse_address("redis://127.0.0.1:1?cluster=true"))) as store:
        shared = quota(clock, 1)._replace(counter=b"o:3:tokens")
        with pytest.raises(ClaimsUnsupported):
            store.settle(new_name(KEY), CALLER, 1, (shared,))


@needs_redis
@pytest.mark.parametrize("mode", FallbackMode)
def test_reservations_have_no_fallback(server: RedisServer, clock: Clock, tmp_path: Path, mode: FallbackMode) -> None:
    primary = RedisStore(parse_address(server.url), timeout=0.5)
    local = None if mode is FallbackMode.DENY else LmdbStore(tmp_path / "fallback", clock)
    clock.ns = time_ns()
    with closing(FallbackStore(primary, local, mode, AsyncRedisStore(primary), clock.seconds)) as store:
        reserver = Reserver(store, clock)
        reserver.reserve(quota(clock, 10), limit=LIMIT)
        name = reserver.name
        server.kill()
        with suppress(BucketStoreError):
            store.take(b"lk_zzzzzzzzzzzz", None)
        assert not store.breaker.closed
        calls = (
            lambda: reserver.reserve(limit=LIMIT), lambda: store.settle(name, CALLER, 1, ()),
            lambda: store.extend(name, CALLER, 60), lambda: store.cancel(name, CALLER),
        )  # fmt: skip
        for call in calls:
            with pytest.raises(BucketStoreUnavailable):
                call()
        server.start()
        wait_until(lambda: store.breaker.closed, "the breaker")
        assert reserver.reserve(limit=LIMIT).outcome[0] is True


@needs_redis
def test_first_reservation_of_an_outage_opens_the_breaker(server: RedisServer, clock: Clock) -> None:
    primary = RedisStore(parse_address(server.url), timeout=0.5)
    with closing(FallbackStore(primary, None, FallbackMode.DENY, AsyncRedisStore(primary), clock.seconds)) as store:
        reserver = Reserver(store, clock)
        server.kill()
        with pytest.raises(BucketStoreUnavailable):
            reserver.reserve(limit=LIMIT)
        assert not store.breaker.closed
        server.start()
        wait_until(lambda: store.breaker.closed, "the breaker")


@needs_redis
@pytest.mark.slow("runs a Cluster")
def test_cluster_keeps_reservations(clock: Clock) -> None:
    with cluster() as url, closing(open_store(url, clock, timeout=10)) as store:
        reserver = Reserver(store, clock)
        claims = (quota(clock, 1000), rate(30), seats(1))
        end = reserver.reserve(*claims, limit=LIMIT, cost=10).expires_s
        name = reserver.name
        assert reserver.reserve(*claims, limit=LIMIT, cost=10).outcome[0] is False
        assert store.extend(name, CALLER, 90) == end + 30
        first = store.settle(name, CALLER, 4, (quota(clock, 400), rate(90)))
        assert store.settle(name, CALLER, 1, ()) == first
        assert (reserver.used(), reserver.value(rate(0)), reserver.value(seats(1))) == (400, 90 * RATE.price, 0)
        reserver.reserve(quota(clock, 1000), limit=LIMIT)
        reserver.cancel()
        assert reserver.used() == 400
