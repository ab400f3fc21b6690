"""Counters of usage by unit: every store counts the same, and settling counts in the quarter of the estimate."""

from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.crc import key_slot

from ratelimit.bucket import TakeRequest
from ratelimit.bucket_file_check import FileState, find_fault
from ratelimit.claim import Claim
from ratelimit.limit import Limit
from ratelimit.reservation import NewReservation, ReservationError, ReservationExpired, key_of
from ratelimit.reservation_id import new_name
from ratelimit.stores import BucketStore, LmdbStore, MemoryStore
from ratelimit.stores.redis.address import parse_address
from ratelimit.stores.redis.key_names import KeyNames
from ratelimit.stores.redis.store import RedisStore
from ratelimit.unit_counters import (
    EMPTY,
    PLACES,
    QUARTER_SECONDS,
    TOTALS,
    UNUSED,
    Place,
    UnitCounter,
    claims_on_units,
    is_plausible,
    load,
    name_of,
    parse_name,
)
from tests.conftest import Clock
from tests.ratelimit.reservations.asking import CALLER, KEY, Reserver
from tests.support.redis_server import RedisServer

EXAMPLES = count()
NAME = name_of(KEY, "tokens")
COSTS = st.dictionaries(
    st.sampled_from(["tokens", "images"]), st.sampled_from([0, 1, 5, 2**32 - 1, 2**33 + 7, 10**15]), min_size=1
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 400, 3000, -200]),
        st.tuples(st.just("take"), st.integers(1, 3), COSTS)
        | st.tuples(st.just("reserve"), st.integers(1, 3600), COSTS)
        | st.tuples(st.just("settle"), st.integers(0, 9), COSTS)
        | st.tuples(st.just("cancel"), st.integers(0, 9), COSTS),
    ),
    min_size=1,
    max_size=30,
)


def usage(key: bytes, costs: dict[str, int]) -> tuple[Claim, ...]:
    return claims_on_units(key, costs)


def act(store: BucketStore, names: list[bytes], what: str, number: int, costs: dict[str, int]) -> Any:
    key = key_of(names[0])
    if what == "take":
        return store.take_many([(key, None, 1, 0, 0, usage(key, costs))] * number)
    if what == "reserve":
        return store.reserve((key, None, 1, 0, 0, usage(key, costs)), NewReservation(names[-1], CALLER, number))
    with suppress(ReservationError):
        name = names[number % len(names)]
        return store.settle(name, CALLER, 1, usage(key, costs)) if what == "settle" else store.cancel(name, CALLER)
    return None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_every_store_counts_the_same(
    bucket_store: BucketStore, clock: Clock, steps: list[tuple[int, tuple[str, int, dict[str, int]]]]
) -> None:
    reference, key = MemoryStore(clock), f"lk_{next(EXAMPLES):012}".encode()
    names, counters = [new_name(key)], [name_of(key, unit) for unit in ("tokens", "images")]
    for elapsed, step in steps:
        clock.move(elapsed)
        if step[0] == "reserve":
            names.append(new_name(key))
        assert act(bucket_store, names, *step) == act(reference, names, *step)
        changed = [name for name, counter in reference.scan_units() if counter.changed_s >= clock.ns // 10**9]
        assert {*changed} <= {name for name, _ in bucket_store.scan_units(clock.ns // 10**9)}
    assert bucket_store.unit_counters(counters) == reference.unit_counters(counters)


def test_total_begins_again_after_its_last_value(bucket_store: BucketStore) -> None:
    """Totals are above what a number of Lua represents exactly."""
    request: TakeRequest = (KEY, None, 1, 0, 0, claims_on_units(KEY, {"tokens": 10**15}))
    for _ in range(20):
        bucket_store.take_many([request] * 60)
    (counter,) = bucket_store.unit_counters([NAME])
    assert max(place.charged for place in counter.places) == 1200 * 10**15 % TOTALS
    assert [name for name, _ in bucket_store.scan_units()] == [NAME]


def test_what_is_given_back_belongs_to_the_quarter_of_the_estimate(reserver: Reserver, clock: Clock) -> None:
    clock.ns = 1_800_000_000 // QUARTER_SECONDS * QUARTER_SECONDS * 10**9
    began_s = clock.ns // 10**9
    reserver.reserve(*claims_on_units(KEY, {"tokens": 800}), ttl=3600)
    clock.move(QUARTER_SECONDS - 1)
    reserver.store.take(KEY, None, claims=claims_on_units(KEY, {"tokens": 5}))
    clock.move(2700)
    charge = reserver.settle(*claims_on_units(KEY, {"tokens": 512, "images": 2}))[NAME]
    assert (charge.is_usage, charge.charged, charge.returned, charge.forgiven) == (True, 0, 288, 0)
    tokens, images = reserver.store.unit_counters([NAME, name_of(KEY, "images")])
    assert place(tokens, began_s) == (began_s + QUARTER_SECONDS - 1, 805, 288)
    assert tokens.changed_s == began_s + QUARTER_SECONDS - 1 + 2700
    assert sum(one.charged for one in tokens.places) == 805
    # What was not reserved belongs to now.
    assert place(images, tokens.changed_s) == (tokens.changed_s, 2, 0)
    assert sum(one.charged for one in images.places) == 2


def test_clock_that_was_ahead_keeps_no_usage_in_the_future(reserver: Reserver, clock: Clock) -> None:
    claims = claims_on_units(KEY, {"tokens": 3})
    now_s, ahead_s = clock.ns // 10**9, 365 * 86_400 // (PLACES * QUARTER_SECONDS) * PLACES * QUARTER_SECONDS
    clock.move(ahead_s)
    reserver.reserve(*claims)
    clock.move(-ahead_s)
    reserver.store.take(KEY, None, claims=claims)
    (counter,) = reserver.store.unit_counters([NAME])
    assert place(counter, now_s) == (now_s, 6, 0)
    reserver.cancel()
    (counter,) = reserver.store.unit_counters([NAME])
    assert place(counter, now_s) == (now_s, 6, 3)


def test_cancelled_is_given_back_and_expired_is_not(reserver: Reserver, clock: Clock) -> None:
    reserver.reserve(*claims_on_units(KEY, {"tokens": 7}))
    reserver.cancel()
    reserver.reserve(*claims_on_units(KEY, {"tokens": 4}), ttl=1)
    clock.move(5)
    with pytest.raises(ReservationExpired):
        reserver.settle(*claims_on_units(KEY, {"tokens": 1}))
    (counter,) = reserver.store.unit_counters([NAME])
    assert [sum(numbers) for numbers in list(zip(*counter.places, strict=True))[1:]] == [11, 7]


def test_refused_request_counts_nothing(bucket_store: BucketStore) -> None:
    for _ in range(3):
        bucket_store.take(KEY, Limit(1, 86_400), claims=claims_on_units(KEY, {"tokens": 9}))
    (counter,) = bucket_store.unit_counters([NAME])
    assert sum(one.charged for one in counter.places) == 9


def test_request_without_costs_by_unit_has_no_counter(bucket_store: BucketStore) -> None:
    bucket_store.take(KEY, Limit(5, 60), claims=claims_on_units(KEY, {"requests": 3}))
    assert list(bucket_store.scan_units()) == []


def test_cost_of_0_makes_no_counter(reserver: Reserver, clock: Clock) -> None:
    claims = claims_on_units(KEY, {"tokens": 0})
    reserver.store.take(KEY, None, claims=claims)
    reserver.store.take_many([(KEY, None, 1, 0, 0, claims)])
    reserver.reserve(*claims)
    reserver.settle(*claims)
    assert list(reserver.store.scan_units()) == []
    # The estimate is still known: what is settled belongs to its quarter.
    reserved_s = clock.ns // 10**9
    reserver.reserve(*claims, ttl=3600)
    clock.move(QUARTER_SECONDS)
    reserver.settle(*claims_on_units(KEY, {"tokens": 7}))
    assert place(reserver.store.unit_counters([NAME])[0], reserved_s) == (reserved_s, 7, 0)


def place(counter: UnitCounter, at_s: int) -> Place:
    return counter.places[at_s // QUARTER_SECONDS % PLACES]


def test_name_has_the_key_and_the_unit() -> None:
    assert parse_name(name_of(b"lk_0123456789ab", "gpu_seconds")) == ("lk_0123456789ab", "gpu_seconds")


@pytest.mark.parametrize("raw", [b"", b"x" * 7, EMPTY + b"x", b"\xff" * len(EMPTY), EMPTY[:-8] + b"\xff" * 8])
def test_damaged_record_counts_as_unused(raw: bytes) -> None:
    assert load(raw) is UNUSED
    assert not is_plausible(raw)


@pytest.mark.parametrize(("raw", "fault"), [(None, ""), (b"\xff" * len(EMPTY), "it has an invalid record")])
def test_check_of_the_file_finds_damaged_counters(tmp_path: Path, clock: Clock, raw: bytes | None, fault: str) -> None:
    with closing(LmdbStore(tmp_path / "b", clock)) as store:
        store.take(KEY, None, claims=claims_on_units(KEY, {"tokens": 5}))
        if raw:
            store._run_transaction(lambda transaction: transaction.put(NAME, raw))
    assert find_fault(tmp_path / "b", FileState.AT_REST) == fault


@pytest.mark.needs("redis")
def test_foreign_value_in_redis_is_replaced(server: RedisServer, clock: Clock) -> None:
    with closing(RedisStore(parse_address(server.url), clock, timeout=5)) as store, server.client() as client:
        client.set(store.keys.counter(NAME), "x" * 48)
        store.take(KEY, None, claims=claims_on_units(KEY, {"tokens": 5}))
        assert [sum(one.charged for one in counter.places) for _, counter in store.scan_units()] == [5]


def test_cluster_has_the_counter_in_the_slot_of_the_record() -> None:
    names = KeyNames(parse_address("redis://a?cluster=true&prefix=shop:"))
    assert key_slot(names.counter(NAME)) == key_slot(names.record(KEY))
    assert names.unit_counter_of(names.counter(NAME)) == NAME
    assert names.unit_pattern() == b"{shop:bucket:*}:u:*"
