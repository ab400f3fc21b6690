"""Idle counters: what every store calls idle, and that only what is unchanged is deleted."""

from contextlib import closing

import pytest

from ratelimit.claim import FOREVER_S, Claim, Term
from ratelimit.idle_counters import UNUSED_SECONDS
from ratelimit.limit import Limit
from ratelimit.reservation import NewReservation
from ratelimit.reservation_id import new_name
from ratelimit.stores import BucketStore, open_store
from ratelimit.stores.redis.address import parse_address
from ratelimit.stores.redis.key_names import KeyNames
from ratelimit.unit_counters import claims_on_units, name_of
from tests.conftest import Clock
from tests.ratelimit.claims.asking import DAY, quota, rate, seed
from tests.support.redis_servers import cluster

KEY = b"lk_0123456789ab"
PACE, MONTH, SEATS, SHARED = b"k:%b:pace" % KEY, b"k:%b:u" % KEY, b"k:%b:seats" % KEY, b"o:17:month"
TOKENS = name_of(KEY, "tokens")
LIMIT = Limit(10, 60)


def use_all(store: BucketStore, *, shared: bool = True) -> None:
    quotas = [quota(name, 100) for name in ((MONTH, SHARED) if shared else (MONTH,))]
    seed(store, *quotas)
    seats = Claim(SEATS, 9, 1, True, (Term(FOREVER_S, None, 3),))
    claims = (rate(PACE, LIMIT), *quotas, seats, *claims_on_units(KEY, {"tokens": 5}))
    store.reserve((KEY, LIMIT, 1, 0, 0, claims), NewReservation(new_name(KEY), KEY, 3600))


def idle(store: BucketStore) -> set[bytes]:
    return {counter.name for counter in store.idle_counters()}


def test_counters_are_idle_long_after_their_end(store: BucketStore, clock: Clock) -> None:
    use_all(store)
    clock.move(UNUSED_SECONDS)
    assert not idle(store)
    clock.move(60)
    assert idle(store) == {PACE, TOKENS}
    clock.move(DAY)
    # Redis deletes slots itself, by its own clock.
    assert {PACE, TOKENS, MONTH, SHARED} <= idle(store) <= {PACE, TOKENS, MONTH, SHARED, SEATS}


def test_only_unchanged_counters_are_deleted(store: BucketStore, clock: Clock) -> None:
    use_all(store)
    clock.move(UNUSED_SECONDS + 2 * DAY)
    found = [*store.idle_counters()]
    store.take(KEY, None, claims=claims_on_units(KEY, {"tokens": 7}))
    deleted = {*store.forget_counters(found)}
    assert deleted == {counter.name for counter in found} - {TOKENS}
    assert idle(store) == set()
    assert store.quota_uses([MONTH, SHARED]) == [None, None]
    assert [name for name, _ in store.scan_units()] == [TOKENS]
    clock.move(UNUSED_SECONDS + 2 * DAY)
    assert store.forget_counters([*store.idle_counters()]) == [TOKENS]
    assert [*store.scan_units()] == [] == store.forget_counters([])


@pytest.mark.needs("redis")
@pytest.mark.slow("runs a Cluster")
def test_cluster_finds_and_deletes_them(clock: Clock) -> None:
    with cluster() as url, closing(open_store(url, clock, timeout=10)) as store:
        use_all(store, shared=False)
        clock.move(UNUSED_SECONDS + 2 * DAY)
        assert {*store.forget_counters([*store.idle_counters()])} == {PACE, TOKENS, MONTH, SEATS}
        assert [*store.scan_units()] == []


@pytest.mark.parametrize("counter", [PACE, MONTH, SHARED, TOKENS])
def test_name_in_redis_names_the_counter(counter: bytes) -> None:
    names = KeyNames(parse_address("redis://a?prefix=shop:"))
    assert names.counter_of(names.counter(counter)) == counter


def test_reservations_are_no_counters() -> None:
    names = KeyNames(parse_address("redis://a"))
    assert names.counter_of(names.reservation(new_name(KEY))) is None
    assert names.counter_of(names.open_reservations(KEY)) is None
