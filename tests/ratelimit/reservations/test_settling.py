"""What settling does to each kind of limit, in every store."""

import pytest

from ratelimit.bucket import Record
from ratelimit.claim import (
    MAX_USED,
    ClaimState,
    CountersMissing,
    QuotaUse,
)  # fmt: skip
from ratelimit.limit import Limit
from ratelimit.reservation import (
    KEPT_SECONDS,
    KEY_ENTRY,
    Charge,
    ReservationUnknown,
)
from tests.conftest import Clock
from tests.ratelimit.outcomes import states_of
from tests.ratelimit.reservations.asking import (
    CALLER,
    DAY,
    KEY,
    LIMIT,
    PACE,
    RATE,
    SEATS,
    TOKENS,
    Reserver,
    now_s,
    quota,
    rate,
    seats,
)  # fmt: skip


def test_settling_replaces_the_estimate(reserver: Reserver, clock: Clock) -> None:
    reserver.reserve(quota(clock, 1000), rate(30), limit=LIMIT, cost=10)
    found = reserver.settle(quota(clock, 1500), rate(10), key_cost=4)
    assert found == {
        KEY_ENTRY: Charge(KEY_ENTRY, 10, 4, 0, 4 * LIMIT.price, LIMIT, 0, True),
        TOKENS: Charge(TOKENS, 1000, 1500, 0, 1500, None, now_s(clock) + DAY, True),
        PACE: Charge(PACE, 30, 10, 0, 10 * RATE.price, RATE, 0, True),
    }
    assert (found[TOKENS].charged, found[TOKENS].returned) == (500, 0)
    assert reserver.used() == 1500
    assert reserver.value(rate(0)) == 10 * RATE.price
    assert reserver.store.take(KEY, LIMIT, 96)[0] is True


def test_settling_twice_is_settling_once(reserver: Reserver, clock: Clock) -> None:
    reserver.reserve(quota(clock, 1000), rate(60), seats(3), limit=LIMIT, cost=10)
    clock.move(30)
    first = reserver.store.settle(reserver.name, CALLER, 20, (quota(clock, 3000), rate(200)))
    clock.move(5)
    reserver.store.take(KEY, LIMIT, 5, claims=(quota(clock, 7),))
    # Also after its end.
    for elapsed in (1, 60, KEPT_SECONDS - 37):
        clock.move(elapsed)
        assert reserver.store.settle(reserver.name, CALLER, 1, ()) == first
    assert reserver.used() == 3007
    clock.move(1)
    with pytest.raises(ReservationUnknown):
        reserver.settle()


def test_unit_that_is_not_named_costs_nothing(reserver: Reserver, clock: Clock) -> None:
    reserver.reserve(quota(clock, 1000), rate(30))
    assert reserver.settle()[TOKENS].returned == 1000
    assert (reserver.used(), reserver.value(rate(0))) == (0, 0)


def test_unit_that_was_not_reserved_is_charged_in_full(reserver: Reserver, clock: Clock) -> None:
    reserver.reserve(limit=LIMIT)
    found = reserver.settle(quota(clock, 60_000), rate(90), seats(1))
    assert found[TOKENS] == Charge(TOKENS, 0, 60_000, 0, 60_000, None, now_s(clock) + DAY, True)
    assert found[PACE] == Charge(PACE, 0, 90, 0, 90 * RATE.price, RATE, 0, True)
    assert SEATS not in found
    assert reserver.used() == 60_000


def test_unit_that_was_not_reserved_opens_the_next_period(reserver: Reserver, clock: Clock) -> None:
    current = quota(clock, 40, ends_in=10)
    reserver.store.seed_quotas([QuotaUse(TOKENS + b"x", 7, now_s(clock) + 10, 5)])
    current = current._replace(counter=TOKENS + b"x")
    reserver.reserve(limit=LIMIT)
    clock.move(20)
    charge = reserver.settle(current)[TOKENS + b"x"]
    assert (charge.value, charge.ends_s) == (40, current.terms[1].ends_s)
    assert reserver.store.quota_uses([TOKENS + b"x"]) == [QuotaUse(TOKENS + b"x", 7, current.terms[1].ends_s, 40)]


def test_estimate_of_nothing_charges_afterwards(reserver: Reserver, clock: Clock) -> None:
    reserver.store.adjust(quota(clock, 0), used=49_999)
    assert reserver.reserve(quota(clock, 0)).outcome[0] is True
    assert reserver.settle(quota(clock, 400))[TOKENS].charged == 400
    assert reserver.used() == 50_399
    assert reserver.reserve(quota(clock, 0)).outcome[0] is False


def test_settling_after_the_period_ended_corrects_that_period_only(reserver: Reserver, clock: Clock) -> None:
    clock.move(DAY - 10)
    ends_s = now_s(clock) + 10
    reserver.reserve(quota(clock, 1000, ends_in=10))
    clock.move(20)
    late = quota(clock, 300, ends_in=DAY - 10)
    reserver.store.take(KEY, None, claims=(late._replace(cost=50),))
    charge = reserver.settle(late)[TOKENS]
    assert charge == Charge(TOKENS, 1000, 300, 0, 300, None, ends_s, True)
    assert reserver.used() == 50
    # What is left of the period before shows in a merge: the larger value counts.
    reserver.store.seed_quotas([QuotaUse(TOKENS, 7, ends_s, 299)])
    assert reserver.used() == 50


def test_settling_before_anybody_opened_the_next_period_corrects_the_ended_one(
    reserver: Reserver, clock: Clock
) -> None:
    clock.move(DAY - 10)
    ends_s = now_s(clock) + 10
    reserver.reserve(quota(clock, 1000, ends_in=10))
    clock.move(20)
    assert reserver.settle(quota(clock, 300, ends_in=DAY - 10))[TOKENS].ends_s == ends_s
    assert reserver.store.quota_uses([TOKENS])[0] == QuotaUse(TOKENS, 7, ends_s, 300, 1)
    reserver.store.take(KEY, None, claims=(quota(clock, 5, ends_in=DAY - 10),))
    assert reserver.used() == 5


def test_settling_two_periods_later_corrects_nothing(reserver: Reserver, clock: Clock) -> None:
    clock.move(DAY - 1)
    reserver.reserve(quota(clock, 1000, ends_in=1), ttl=3600)
    for _ in range(2):
        clock.move(5)
        hourly = quota(clock, 9, ends_in=4)
        reserver.store.take(KEY, None, claims=(hourly,))
    charge = reserver.settle(quota(clock, 1200))[TOKENS]
    assert (charge.corrects, charge.forgiven, charge.returned) == (False, 200, 0)
    assert reserver.used() == 9


def test_quota_counts_all_of_an_overdraft(reserver: Reserver, clock: Clock) -> None:
    reserver.reserve(quota(clock, 1000))
    charge = reserver.settle(quota(clock, 10**9))[TOKENS]
    assert (charge.forgiven, charge.value) == (0, 10**9)
    reserver.reserve(quota(clock, 0, 10**15))
    charge = reserver.settle(quota(clock, 10**15))[TOKENS]
    assert charge.value == 10**9 + 10**15
    for _ in range(4):
        reserver.reserve(quota(clock, 0, enforced=False))
        charge = reserver.settle(quota(clock, 10**15))[TOKENS]
    assert charge.value == MAX_USED


def test_overdraft_of_a_rate_ends_at_two_full_buckets(reserver: Reserver, clock: Clock) -> None:
    reserver.reserve(rate(60))
    charge = reserver.settle(rate(160))[PACE]
    assert (charge.forgiven, charge.value, charge.charged) == (40, 2 * RATE.capacity, 100)
    (state,) = reserver.store.peek_claims([rate(0)])
    assert isinstance(state, ClaimState)
    assert (state.refused, state.value, state.wait_ns) == (True, 2 * RATE.capacity, 60 * 10**9 + 1)
    outcome = reserver.store.take(KEY, None, claims=(rate(1),))
    assert (outcome[0], states_of(outcome)[0].wait_ns) == (False, 61 * 10**9)
    clock.move(61)
    assert reserver.store.take(KEY, None, claims=(rate(1),))[0] is True
    assert reserver.store.take(KEY, None, claims=(rate(1),))[0] is False


def test_overdraft_of_the_key_ends_at_one_full_bucket(reserver: Reserver, clock: Clock) -> None:
    reserver.reserve(limit=LIMIT, cost=10)
    clock.move(18)
    charge = reserver.settle(key_cost=250)[KEY_ENTRY]
    # Half a token was refilled, so 149.5 of 240 more were not charged. Nothing is forgiven unseen.
    assert (charge.forgiven, charge.value) == (150, LIMIT.capacity)
    clock.move(36)
    assert reserver.store.take(KEY, LIMIT)[0] is True
    assert reserver.store.take(KEY, LIMIT)[0] is False


def test_overdrawn_rate_stays_overdrawn_under_another_limit(reserver: Reserver, clock: Clock) -> None:
    reserver.reserve(rate(60))
    reserver.settle(rate(120))
    double = Limit(120, 60)
    clock.move(1)
    # 119 tokens of 60 are 119 of 120; of 30 they are two full buckets.
    assert reserver.value(rate(0, double)) == 119 * double.price
    assert reserver.value(rate(0, Limit(30, 60))) == 2 * Limit(30, 60).capacity
    outcome = reserver.store.take(KEY, None, claims=(rate(1, double),))
    assert (outcome[0], states_of(outcome)[0].value) == (True, 120 * double.price)


def test_rate_that_is_only_observed_keeps_its_overdraft(reserver: Reserver) -> None:
    reserver.reserve(rate(60))
    reserver.settle(rate(90))
    observed = rate(5)._replace(enforced=False)
    assert reserver.store.take(KEY, None, claims=(observed,))[0] is True
    assert reserver.value(observed) == 90 * RATE.price


def test_return_is_under_the_limit_of_the_last_use(reserver: Reserver) -> None:
    reserver.reserve(rate(60))
    double = Limit(120, 60)
    reserver.store.take(KEY, None, claims=(rate(20, double),))
    charge = reserver.settle(rate(10, double))[PACE]
    assert (charge.limit, charge.value) == (double, 30 * double.price)


def test_tokens_that_were_refilled_meanwhile_are_not_returned_twice(reserver: Reserver, clock: Clock) -> None:
    reserver.reserve(rate(60), ttl=3600)
    clock.move(45)
    reserver.settle(rate(10))
    assert reserver.value(rate(0)) == 0
    assert reserver.store.take(KEY, None, claims=(rate(60),))[0] is True
    assert reserver.store.take(KEY, None, claims=(rate(1),))[0] is False


def test_counter_that_counts_something_else_by_now_stays(reserver: Reserver, clock: Clock) -> None:
    reserver.reserve(quota(clock, 1000), rate(30))
    other_quota, other_rate = quota(clock, 70)._replace(definition=70), rate(20)._replace(definition=80)
    reserver.store.take(KEY, None, claims=(other_quota, other_rate))
    settlement = reserver.store.settle(reserver.name, CALLER, 1, (other_quota, other_rate))
    found = [(one.counter, one.reserved, one.cost, one.corrects) for one in settlement.charges]
    assert found == [(TOKENS, 1000, 0, False), (PACE, 30, 0, False), (TOKENS, 0, 70, True), (PACE, 0, 20, True)]
    assert reserver.used() == 140
    assert reserver.value(other_rate) == 40 * RATE.price


def test_settling_asks_for_a_quota_that_the_store_does_not_know(reserver: Reserver, clock: Clock) -> None:
    reserver.reserve(quota(clock, 1000), rate(10))
    other = quota(clock, 10)._replace(counter=b"k:lk_0123456789ab:other")
    with pytest.raises(CountersMissing) as raised:
        reserver.settle(quota(clock, 1), other, rate(20))
    assert raised.value.counters == (other.counter,)
    assert (reserver.used(), reserver.value(rate(0))) == (1000, 10 * RATE.price)
    reserver.store.seed_quotas([QuotaUse(other.counter, 7, now_s(clock) + DAY, 3)])
    assert reserver.settle(quota(clock, 1), other, rate(20))[other.counter].value == 13


def test_return_of_a_quota_raises_its_revision(reserver: Reserver, clock: Clock) -> None:
    """Otherwise the row that the database got before would lift the counter again."""
    reserver.reserve(quota(clock, 1000))
    before = reserver.store.quota_uses([TOKENS])[0]
    assert before is not None
    reserver.settle(quota(clock, 400))
    reserver.store.seed_quotas([before])
    assert reserver.used() == 400


def test_bucket_of_a_deleted_key_does_not_come_back(reserver: Reserver, clock: Clock) -> None:
    reserver.reserve(limit=LIMIT, cost=10)
    reserver.store.forget(KEY)
    charge = reserver.settle(key_cost=20)[KEY_ENTRY]
    assert (charge.corrects, charge.forgiven) == (False, 10)
    assert reserver.store.peek(KEY) == Record()
