"""What the database has of quotas is merged and never added, and operators adjust what is spent."""

import pytest

from ratelimit.claim import MAX_USED, ClaimState, CountersMissing, QuotaUse, TermsEnded
from ratelimit.limit import Limit
from ratelimit.stores import BucketStore
from tests.conftest import Clock
from tests.ratelimit.claims.asking import DAY, QUOTA, START_S, quota, rate, seed

MONTH = quota(b"o:3:month", 100)
END = START_S + DAY
RATE = rate(b"k:lk_0123456789ab:minute", Limit(6, 7))


def use(used: int, revision: int = 0, ends_s: int = END) -> QuotaUse:
    return QuotaUse(MONTH.counter, QUOTA, ends_s, used, revision)


@pytest.mark.parametrize(
    ("uses", "wanted"),
    {
        "the larger": ([use(5), use(7), use(6)], use(7)),
        "the higher revision, also if it is smaller": ([use(9), use(2, 1), use(8)], use(2, 1)),
        "twice is as once": ([use(9), use(9)], use(9)),
        "a later period": ([use(9, 3), use(1, 0, END + DAY)], use(1, 3, END + DAY)),
        "not an earlier period": ([use(1), use(9, 9, END - DAY)], use(1)),
        "another definition": ([use(1), use(9, 9)._replace(definition=77)], use(1)),
    }.values(),
)
def test_uses_are_merged(store: BucketStore, uses: list[QuotaUse], wanted: QuotaUse) -> None:
    for one in uses:
        store.seed_quotas([one])
    assert store.quota_uses([MONTH.counter, b"o:4:month"]) == [wanted, None]
    # In one call it is the same.
    store.forget(MONTH.counter)
    store.seed_quotas(uses)
    assert store.quota_uses([MONTH.counter]) == [wanted]


def test_counter_of_a_rate_is_not_seeded(store: BucketStore) -> None:
    store.adjust(RATE, used=2)
    store.seed_quotas([QuotaUse(RATE.counter, QUOTA, END, 9)])
    assert store.quota_uses([RATE.counter]) == [None]
    assert store.peek_claims([RATE]) == [ClaimState(0, False, 2 * Limit(6, 7).price, 0, 0)]


def test_use_of_an_ended_period_is_reported(store: BucketStore, clock: Clock) -> None:
    seed(store, MONTH, used=5)
    clock.move(DAY)
    assert store.quota_uses([MONTH.counter]) == [use(5)]
    (state,) = store.peek_claims([MONTH])
    assert state == ClaimState(1, False, 0, 0, END + DAY)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [({"used": 9}, 9), ({"add": 3}, 8), ({"add": -9}, 0), ({"used": 0}, 0), ({"add": MAX_USED}, MAX_USED)],
)
def test_quota_is_adjusted(store: BucketStore, change: dict[str, int], wanted: int) -> None:
    seed(store, MONTH, used=5)
    assert store.adjust(MONTH, **change) == ClaimState(0, False, wanted, 0, END)
    assert store.quota_uses([MONTH.counter]) == [use(wanted, 1)]
    # The row of before has a lower revision, whatever it says.
    store.seed_quotas([use(50)])
    assert store.quota_uses([MONTH.counter]) == [use(wanted, 1)]


def test_adjusting_an_ended_period_opens_the_next(store: BucketStore, clock: Clock) -> None:
    seed(store, MONTH, used=5)
    clock.move(DAY)
    assert store.adjust(MONTH, add=2) == ClaimState(1, False, 2, 0, END + DAY)
    clock.move(DAY)
    with pytest.raises(TermsEnded):
        store.adjust(MONTH, used=1)


@pytest.mark.parametrize(("change", "spent"), [({"used": 2}, 2), ({"add": 1}, 4), ({"add": -9}, 0), ({"used": 99}, 6)])
def test_rate_is_adjusted(store: BucketStore, change: dict[str, int], spent: int) -> None:
    store.adjust(RATE, used=3)
    assert store.adjust(RATE, **change) == ClaimState(0, False, spent * Limit(6, 7).price, 0, 0)


@pytest.mark.parametrize(("add", "left"), [(-1, Limit(1, 1).capacity), (-2, 0)])
def test_all_that_an_overdrawn_bucket_lacks_can_be_given_back(store: BucketStore, add: int, left: int) -> None:
    store.adjust(rate(RATE.counter, Limit(999_983, 7)), used=2)
    # Two tokens are two full buckets of the new limit.
    assert store.adjust(rate(RATE.counter, Limit(1, 1)), add=add).value == left


def test_missing_quota_is_not_adjusted(store: BucketStore) -> None:
    with pytest.raises(CountersMissing) as raised:
        store.adjust(MONTH, used=1)
    assert raised.value.counters == (MONTH.counter,)
    missing, _ = store.peek_claims([MONTH, RATE])
    assert isinstance(missing, CountersMissing)
    assert store.quota_uses([MONTH.counter]) == [None]
