"""What decides claims while Redis is away, and what is charged to it afterwards."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ratelimit.bucket import TakeRequest
from ratelimit.claim import UNMEASURED, Claim, ClaimState, CountersMissing, PolicyOutdated
from ratelimit.limit import Limit
from ratelimit.stores import LmdbStore
from ratelimit.stores.base import BucketStoreError, BucketStoreUnavailable, ClaimsUnsupported
from ratelimit.stores.fallback import FallbackStore
from ratelimit.stores.fallback_mode import FallbackMode
from ratelimit.stores.redis.address import parse_address
from ratelimit.stores.redis.async_store import AsyncRedisStore
from ratelimit.stores.redis.store import RedisStore
from ratelimit.unit_counters import UnitCounter, claims_on_units
from tests.conftest import Clock
from tests.ratelimit.claims.asking import DAY, quota, rate, seed
from tests.ratelimit.outcomes import states_of
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.needs("redis")

KEY, OTHER = b"lk_0123456789ab", b"lk_0123456789ac"
LIMIT = Limit(50, 3600)
HOURLY = Limit(3, 3600)
OWN = rate(b"k:lk_0123456789ab:hourly", HOURLY)
SHARED = rate(b"o:1:hourly", HOURLY)
MONTH = quota(b"o:1:month", 100)
OBSERVED = MONTH._replace(enforced=False)
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
    server.kill()
    with suppress(BucketStoreError):
        store.take(b"lk_zzzzzzzzzzzz", None)
    assert not store.breaker.closed


def regain(server: RedisServer, store: FallbackStore) -> None:
    server.start()
    wait_until(lambda: store.breaker.closed, "the breaker")


def test_rates_are_decided_by_this_host(server: RedisServer, make_store: MakeStore) -> None:
    store = make_store(FallbackMode.LOCAL)
    lose(server, store)
    allowed = [store.take(key, LIMIT, claims=(SHARED,))[0] for key in (KEY, OTHER, KEY, OTHER)]
    assert allowed == [True, True, True, False]
    assert store.take(KEY, LIMIT, claims=(OWN,))[4] == (ClaimState(0, False, HOURLY.price, 0, 0),)


def granted(store: FallbackStore, *claims: Claim) -> int:
    """How many requests are granted until one isn't."""
    number = 0
    with suppress(BucketStoreUnavailable):
        while store.take(KEY, None, claims=claims)[0]:
            number += 1
    return number


def test_quota_that_the_database_has_not_told_is_asked_for(server: RedisServer, make_store: MakeStore) -> None:
    store = make_store(FallbackMode.LOCAL)
    lose(server, store)
    with pytest.raises(CountersMissing) as caught:
        store.take(KEY, LIMIT, claims=(OWN, MONTH))
    assert caught.value.counters == (MONTH.counter,)
    requests: list[TakeRequest] = [(KEY, LIMIT, 1, 0, 0, claims) for claims in ((MONTH,), (OWN,))]
    failed, allowed = store.take_many(requests)
    assert isinstance(failed, CountersMissing)
    assert isinstance(allowed, tuple)
    # The request that failed took nothing.
    assert allowed[4] == (ClaimState(0, False, HOURLY.price, 0, 0),)
    assert store.peek(KEY).allowed == 1


def test_host_grants_a_hundredth_of_a_quota(server: RedisServer, make_store: MakeStore) -> None:
    store = make_store(FallbackMode.LOCAL)
    lose(server, store)
    seed(store, MONTH, used=42)
    assert granted(store, MONTH) == 1
    # The limits that would allow the request have lost nothing, and it is not counted.
    with pytest.raises(BucketStoreUnavailable, match="this host has no more of a quota"):
        store.take(KEY, LIMIT, claims=(OWN, MONTH))
    (state,) = states_of(store.take(KEY, LIMIT, claims=(OWN,)))
    assert (state.value, store.peek(KEY).allowed, store.peek(KEY).throttled) == (HOURLY.price, 2, 0)


@pytest.mark.parametrize(("cost", "times"), [(1, 10), (3, 3), (11, 0)])
def test_costs_are_granted_in_full_or_not_at_all(
    server: RedisServer, make_store: MakeStore, cost: int, times: int
) -> None:
    store, claim = make_store(FallbackMode.LOCAL), quota(b"o:1:month", 1099, cost)
    lose(server, store)
    seed(store, claim)
    assert granted(store, claim) == times
    assert store.local is not None
    uses = store.local.quota_uses([b"g:o:1:month", claim.counter])
    assert [use.used if use else 0 for use in uses] == [cost * times] * 2


def test_host_grants_no_more_than_was_left(server: RedisServer, make_store: MakeStore) -> None:
    store, claim = make_store(FallbackMode.LOCAL), quota(b"o:1:month", 10_000)
    lose(server, store)
    seed(store, claim, used=9997)
    outcomes = [store.take(KEY, None, claims=(claim,)) for _ in range(5)]
    assert [outcome[0] for outcome in outcomes] == [True] * 3 + [False] * 2
    assert states_of(outcomes[4])[0].refused


def test_cost_of_0_passes_while_anything_is_left(server: RedisServer, make_store: MakeStore) -> None:
    store = make_store(FallbackMode.LOCAL)
    lose(server, store)
    seed(store, MONTH)
    assert store.take(KEY, None, claims=(MONTH._replace(cost=0),))[0]
    assert granted(store, MONTH) == 1
    assert granted(store, MONTH._replace(cost=0)) == 0


def test_quota_below_100_is_not_granted(server: RedisServer, make_store: MakeStore) -> None:
    store, claim = make_store(FallbackMode.LOCAL), quota(b"o:1:month", 99)
    lose(server, store)
    seed(store, claim)
    assert granted(store, claim) == granted(store, claim._replace(cost=0)) == 0


def test_next_period_has_its_own_share(server: RedisServer, make_store: MakeStore, clock: Clock) -> None:
    store = make_store(FallbackMode.LOCAL)
    lose(server, store)
    seed(store, MONTH)
    assert granted(store, MONTH) == 1
    clock.move(DAY)
    assert granted(store, MONTH) == 1


def test_grants_are_charged_to_redis_on_return(server: RedisServer, make_store: MakeStore, clock: Clock) -> None:
    store, claims = (
        make_store(FallbackMode.LOCAL),
        (quota(b"o:1:month", 1000, 3), quota(b"o:1:seen", 1000, 3)._replace(enforced=False)),
    )
    lose(server, store)
    seed(store, *claims, used=40)
    assert granted(store, *claims) == 3
    regain(server, store)
    clock.move(1.1)
    # Redis has lost the quotas. They are charged once the database has said what it knew.
    assert not store.reconcile()
    seed(store, *claims, used=500)
    assert store.reconcile()
    assert store.reconcile()
    uses = store.quota_uses([claim.counter for claim in claims])
    assert [(use.used, use.revision) if use else None for use in uses] == [(509, 0)] * 2
    # In the next outage, the database is asked again, and there is a new share.
    lose(server, store)
    with pytest.raises(CountersMissing):
        store.take(KEY, None, claims=claims)
    seed(store, *claims, used=509)
    assert granted(store, *claims) == 3
    # A period that has ended meanwhile is not charged.
    clock.move(DAY)
    regain(server, store)
    assert store.reconcile()
    assert store.local is not None
    assert store.local.counter_names(b"g:") == []


def test_observed_quota_is_granted_without_a_bound(server: RedisServer, make_store: MakeStore) -> None:
    store = make_store(FallbackMode.LOCAL)
    lose(server, store)
    outcomes = [store.take(KEY, LIMIT, claims=(OBSERVED, OWN)) for _ in range(3)]
    assert outcomes[0][4] == (UNMEASURED, ClaimState(0, False, HOURLY.price, 0, 0))
    assert [outcome[0] for outcome in outcomes] == [True] * 3
    assert store.local is not None
    (use,) = store.local.quota_uses([b"g:o:1:month"])
    assert use is not None
    assert use.used == 3


def test_allow_mode_measures_nothing(server: RedisServer, make_store: MakeStore) -> None:
    store = make_store(FallbackMode.ALLOW)
    lose(server, store)
    outcomes = [store.take(KEY, LIMIT, claims=(OWN._replace(cost=99), MONTH), policy=0) for _ in range(5)]
    assert all(outcome == (True, 0, 0, 0, (UNMEASURED, UNMEASURED)) for outcome in outcomes)
    assert store.peek(KEY).allowed == 5


@pytest.mark.parametrize("mode", [FallbackMode.LOCAL, FallbackMode.ALLOW])
def test_usage_by_unit_is_counted_by_this_host(
    server: RedisServer, make_store: MakeStore, clock: Clock, mode: FallbackMode
) -> None:
    store, usage = make_store(mode), claims_on_units(KEY, {"tokens": 350})
    lose(server, store)
    states = store.take(KEY, LIMIT, claims=(OWN, *usage))[4]
    assert states[0] == (UNMEASURED if mode is FallbackMode.ALLOW else ClaimState(0, False, HOURLY.price, 0, 0))
    assert store.local is not None
    assert [charged(counter) for _, counter in store.local.scan_units()] == [350]
    regain(server, store)
    clock.move(5)
    # It has marks of its own, so it is not moved.
    assert store.reconcile()
    assert list(store.scan_units()) == []


def charged(counter: UnitCounter) -> int:
    return sum(place.charged for place in counter.places)


def test_deny_decides_nothing(server: RedisServer, make_store: MakeStore) -> None:
    store = make_store(FallbackMode.DENY)
    lose(server, store)
    with pytest.raises(BucketStoreError, match="BUCKET_STORE_FALLBACK is deny"):
        store.take(KEY, LIMIT, claims=(OWN,))


def test_policies_published_during_an_outage_apply_locally(server: RedisServer, make_store: MakeStore) -> None:
    store = make_store(FallbackMode.LOCAL)
    store.set_policy(2)
    lose(server, store)
    with pytest.raises(BucketStoreUnavailable):
        store.set_policy(4)
    assert store.policy() == 4
    with pytest.raises(PolicyOutdated):
        store.take(KEY, LIMIT, claims=(OWN,), policy=3)
    (outdated,) = store.take_many([(KEY, LIMIT, 1, 0, 0, (OWN,))], 3)
    assert isinstance(outdated, PolicyOutdated)
    regain(server, store)


def test_first_request_of_an_outage_is_not_counted_twice(server: RedisServer, make_store: MakeStore) -> None:
    store = make_store(FallbackMode.LOCAL)
    seed(store, MONTH)
    assert store.take(KEY, LIMIT, claims=(OWN,))[0]
    server.stop()
    # Redis may have taken it, so the local store doesn't count it yet. Its claims are taken there.
    assert store.take(KEY, LIMIT, claims=(OWN, OBSERVED), policy=9)[4][1] == UNMEASURED
    assert store.local is not None
    assert store.local.peek(KEY).allowed == 0
    assert store.local.counter_names(b"g:") == [b"g:" + MONTH.counter]
    server.go_on()
    wait_until(lambda: store.breaker.closed, "the breaker")
    counted = store.primary.peek(KEY).allowed + store.local.peek(KEY).allowed
    assert counted == 2


def test_rates_are_charged_to_redis_on_return(server: RedisServer, make_store: MakeStore, clock: Clock) -> None:
    store = make_store(FallbackMode.LOCAL)
    lose(server, store)
    for key in (KEY, OTHER):
        assert store.take(key, None, claims=(SHARED,))[0]
    regain(server, store)
    # Another process of the host may still decide by this counter.
    assert not store.reconcile()
    clock.move(1.1)
    assert store.reconcile()
    assert [store.take(KEY, None, claims=(SHARED,))[0] for _ in range(2)] == [True, False]
    # All was charged once.
    assert store.reconcile()
    (state,) = states_of(store.take(KEY, None, claims=(SHARED._replace(enforced=False, cost=0),)))
    assert state.value <= HOURLY.capacity


@pytest.mark.parametrize("claim", [SHARED._replace(definition=9), rate(SHARED.counter, Limit(4, 3600))])
def test_counter_of_another_kind_or_limit_is_not_charged(
    server: RedisServer, make_store: MakeStore, clock: Clock, claim: Claim
) -> None:
    store = make_store(FallbackMode.LOCAL)
    lose(server, store)
    store.take(KEY, None, claims=(SHARED,))
    regain(server, store)
    clock.move(1.1)
    store.primary.adjust(claim, used=1)
    assert store.reconcile()
    (state,), limit = store.peek_claims([claim]), claim.terms[0].limit
    assert limit is not None
    assert isinstance(state, ClaimState)
    # What is left of one token after a moment.
    assert 0 < state.value <= limit.price


def test_other_calls_go_to_redis(server: RedisServer, make_store: MakeStore) -> None:
    store = make_store(FallbackMode.LOCAL)
    seed(store, MONTH, used=5)
    assert store.adjust(OWN, add=2).value == 2 * HOURLY.price
    assert store.quota_uses([MONTH.counter]) == store.primary.quota_uses([MONTH.counter])
    lose(server, store)
    with pytest.raises(BucketStoreUnavailable):
        store.quota_uses([MONTH.counter])


def test_claims_that_a_cluster_cannot_decide_are_no_outage(tmp_path: Path) -> None:
    primary = RedisStore(parse_address("redis://127.0.0.1:1?cluster=true"))
    store = FallbackStore(primary, LmdbStore(tmp_path / "b"), FallbackMode.LOCAL, AsyncRedisStore(primary))
    with pytest.raises(ClaimsUnsupported):
        store.take(KEY, LIMIT, claims=(SHARED,))
    assert isinstance(store.take_many([(KEY, LIMIT, 1, 0, 0, (SHARED,))])[0], ClaimsUnsupported)
    (result,) = asyncio.run(store.take_many_async([(KEY, LIMIT, 1, 0, 0, (SHARED,))]))
    assert isinstance(result, ClaimsUnsupported)
    assert store.breaker.closed
