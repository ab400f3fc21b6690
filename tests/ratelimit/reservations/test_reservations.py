"""What every store promises of reservations, asked of each."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from ratelimit.bucket import Record
from ratelimit.claim import (
    MAX_USED,
    Claim,
    ClaimState,
    CostExceedsClaim,
    CountersMissing,
    PolicyOutdated,
    QuotaUse,
    Term,
    TermsEnded,
)  # fmt: skip
from ratelimit.limit import Limit
from ratelimit.reservation import (
    KEPT_SECONDS,
    KEY_ENTRY,
    Charge,
    NewReservation,
    ReservationEnded,
    ReservationExpired,
    ReservationUnknown,
    Reserved,
    TooManyReservations,
)
from ratelimit.reservation_id import new_name  # fmt: skip
from tests.conftest import Clock
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
    charges,
    now_s,
    quota,
    rate,
    seats,
)  # fmt: skip


def test_estimates_fill_a_quota_exactly_and_what_is_left_is_exact(reserver: Reserver, clock: Clock) -> None:
    store = reserver.store

    def ask(_: int) -> tuple[bytes, bool]:
        name = new_name(KEY)
        made = store.reserve((KEY, None, 1, 0, 0, (quota(clock, 1000),)), NewReservation(name, CALLER, 60))
        return name, made.outcome[0]

    with ThreadPoolExecutor(8) as threads:
        asked = list(threads.map(ask, range(100)))
    made = [name for name, allowed in asked if allowed]
    assert len(made) == 50
    assert reserver.used() == 50_000
    for name in made[:25]:
        charge = reserver.settle(quota(clock, 200), name=name)[TOKENS]
        assert (charge.reserved, charge.cost, charge.returned, charge.charged) == (1000, 200, 800, 0)
    clock.move(60)
    for name in made[25:]:
        with pytest.raises(ReservationExpired):
            reserver.settle(quota(clock, 200), name=name)
    assert reserver.used() == 25 * 200 + 25 * 1000
    assert reserver.reserve(quota(clock, 20_001)).outcome[0] is False
    assert reserver.reserve(quota(clock, 20_000)).outcome[0] is True


def test_refused_reservation_takes_nothing(reserver: Reserver, clock: Clock) -> None:
    made = reserver.reserve(quota(clock, 1000), seats(1), limit=LIMIT, cost=10)
    assert made.outcome[0]
    refused = reserver.reserve(quota(clock, 1000), seats(1), limit=LIMIT, cost=10)
    assert refused.expires_s == 0
    allowed, debt, wait_ns, _, states = refused.outcome
    assert (allowed, debt, wait_ns) == (False, 10 * LIMIT.price, 0)
    assert [state.refused for state in states] == [False, True]
    assert (states[1].value, states[1].wait_ns, states[1].ends_s) == (1, made.expires_s * 10**9 - clock.ns, 0)
    assert reserver.used() == 1000
    record = reserver.store.peek(KEY)
    assert (record.allowed, record.throttled) == (1, 1)
    with pytest.raises(ReservationUnknown):
        reserver.settle(quota(clock, 1))


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
    allowed, *_, states = reserver.store.take(KEY, None, claims=(rate(1),))
    assert (allowed, states[0].wait_ns) == (False, 61 * 10**9)
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
    allowed, *_, states = reserver.store.take(KEY, None, claims=(rate(1, double),))
    assert (allowed, states[0].value) == (True, 120 * double.price)


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


def test_slots_are_held_until_settled_cancelled_or_ended(reserver: Reserver, clock: Clock) -> None:
    names = []
    for _ in range(3):
        assert reserver.reserve(seats(3), ttl=60).outcome[0] is True
        names.append(reserver.name)
    assert reserver.reserve(seats(3)).outcome[0] is False
    (charge,) = reserver.store.settle(names[0], CALLER, 1, ()).charges
    assert charge == Charge(SEATS, 1, 1, 0, 2, None, 0, True)
    assert charge.is_slot
    assert reserver.reserve(seats(3), ttl=100).outcome[0] is True
    assert reserver.reserve(seats(3)).outcome[0] is False
    reserver.store.cancel(names[1], CALLER)
    reserver.store.settle(names[0], CALLER, 1, ())
    assert reserver.value(seats(3)) == 2
    clock.move(60)
    assert reserver.value(seats(3)) == 1
    clock.move(40)
    assert reserver.value(seats(3)) == 0


def test_extending_moves_the_end_and_the_slots(reserver: Reserver, clock: Clock) -> None:
    made = reserver.reserve(quota(clock, 100), seats(1), ttl=60)
    clock.move(59)
    assert reserver.store.extend(reserver.name, CALLER, 30) == made.expires_s + 29
    # It never gets shorter.
    assert reserver.store.extend(reserver.name, CALLER, 10) == made.expires_s + 29
    clock.move(29)
    assert reserver.value(seats(1)) == 1
    assert reserver.settle(quota(clock, 1))[TOKENS].returned == 99
    assert reserver.value(seats(1)) == 0
    with pytest.raises(ReservationEnded):
        reserver.store.extend(reserver.name, CALLER, 60)


def test_expired_reservation_cannot_be_extended(reserver: Reserver, clock: Clock) -> None:
    made = reserver.reserve(seats(1), ttl=60)
    clock.move(60)
    with pytest.raises(ReservationExpired) as raised:
        reserver.store.extend(reserver.name, CALLER, 60)
    assert raised.value.expired_s == made.expires_s
    with pytest.raises(ReservationExpired):
        reserver.cancel()


def test_a_slot_is_one_however_much_the_claim_costs(reserver: Reserver) -> None:
    made = reserver.reserve(seats(2)._replace(cost=500))
    assert (made.outcome[0], made.outcome[4][0].value) == (True, 1)


def test_wait_for_a_slot_is_until_enough_have_ended(reserver: Reserver, clock: Clock) -> None:
    for ttl in (50, 20, 90, 70):
        reserver.reserve(seats(4), ttl=ttl)
    # Only two are allowed by now, so the three that end first have to end.
    refused = reserver.reserve(seats(2)).outcome[4][0]
    assert (refused.value, refused.wait_ns) == (4, 70 * 10**9)


def test_observed_slots_are_never_refused(reserver: Reserver) -> None:
    for held in (1, 2, 3):
        made = reserver.reserve(seats(1, enforced=False))
        assert (made.outcome[0], made.outcome[4][0].value) == (True, held)
    assert reserver.reserve(seats(3)).outcome[0] is False


def test_slots_of_another_definition_start_anew(reserver: Reserver) -> None:
    reserver.reserve(seats(1))
    assert reserver.reserve(seats(1, definition=90)).outcome[0] is True
    assert reserver.reserve(seats(1, definition=90)).outcome[0] is False


def test_slots_are_only_for_reservations(reserver: Reserver) -> None:
    with pytest.raises(ValueError, match="only a reservation"):
        reserver.store.take(KEY, None, claims=(seats(1),))


def test_cancelling_gives_everything_back_once(reserver: Reserver, clock: Clock) -> None:
    reserver.reserve(quota(clock, 1000), rate(30), seats(1), limit=LIMIT, cost=10)
    first = reserver.store.cancel(reserver.name, CALLER)
    assert charges(first)[TOKENS].returned == 1000
    assert charges(first)[KEY_ENTRY].value == 0
    reserver.store.take(KEY, None, claims=(quota(clock, 10),))
    assert reserver.store.cancel(reserver.name, CALLER) == first
    assert reserver.used() == 10
    with pytest.raises(ReservationEnded) as raised:
        reserver.settle(quota(clock, 1))
    assert raised.value.cancelled is True


def test_settled_reservation_cannot_be_cancelled(reserver: Reserver, clock: Clock) -> None:
    reserver.reserve(quota(clock, 1000))
    reserver.settle(quota(clock, 400))
    with pytest.raises(ReservationEnded) as raised:
        reserver.cancel()
    assert raised.value.cancelled is False
    assert reserver.used() == 400


def test_reservation_of_another_caller_is_unknown(reserver: Reserver, clock: Clock) -> None:
    reserver.reserve(quota(clock, 1000))
    calls: Sequence[Callable[[], object]] = (
        lambda: reserver.store.settle(reserver.name, b"lk_other0000000", 1, ()),
        lambda: reserver.store.extend(reserver.name, b"lk_other0000000", 60),
        lambda: reserver.store.cancel(reserver.name, b"lk_other0000000"),
        lambda: reserver.store.settle(new_name(KEY), CALLER, 1, ()),
        lambda: reserver.store.extend(new_name(KEY), CALLER, 60),
        lambda: reserver.store.cancel(new_name(KEY), CALLER),
    )
    for call in calls:
        with pytest.raises(ReservationUnknown):
            call()
    assert reserver.used() == 1000


def test_policies_and_epochs_are_checked_when_reserving_and_not_when_settling(reserver: Reserver, clock: Clock) -> None:
    reserver.reserve(quota(clock, 1000), limit=LIMIT, epoch=1)
    reserver.store.set_epoch(KEY, 2)
    reserver.store.set_policy(5)
    asked = (KEY, LIMIT, 1, 1, 0, (quota(clock, 1000),))
    with pytest.raises(PolicyOutdated):
        reserver.store.reserve(asked, NewReservation(new_name(KEY), CALLER, 60), 4)
    outdated = reserver.store.reserve(asked, NewReservation(new_name(KEY), CALLER, 60), 5)
    assert outdated == Reserved((False, 0, 0, 2, ()), 0)
    assert reserver.settle(quota(clock, 400))[TOKENS].returned == 600
    assert reserver.store.peek(KEY).epoch == 2


def test_undecided_reservation_takes_nothing(reserver: Reserver, clock: Clock) -> None:
    missing = quota(clock, 10)._replace(counter=b"k:lk_0123456789ab:other")
    with pytest.raises(CountersMissing):
        reserver.reserve(seats(1), missing, limit=LIMIT)
    ended = Claim(PACE, 8, 1, True, (Term(now_s(clock), RATE),))
    with pytest.raises(TermsEnded):
        reserver.reserve(seats(1), ended, limit=LIMIT)
    with pytest.raises(CostExceedsClaim):
        reserver.reserve(seats(1), rate(61), limit=LIMIT)
    assert reserver.store.peek(KEY) == Record()
    assert reserver.value(seats(1)) == 0


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


def test_key_has_a_bound_of_open_reservations(
    reserver: Reserver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("ratelimit.reservations", "ratelimit.stores.redis.reservation_encoding"):
        monkeypatch.setattr(f"{module}.MAX_OPEN", 3)
    clock.ns = clock.ns // 60_000_000_000 * 60_000_000_000
    reserver.reserve(ttl=30)
    first = reserver.name
    for ttl in (30, 90):
        reserver.reserve(ttl=ttl)
    last = reserver.name
    with pytest.raises(TooManyReservations):
        reserver.reserve(limit=LIMIT)
    assert reserver.store.peek(KEY).allowed == 3
    reserver.store.extend(last, CALLER, 150)
    reserver.settle(name=first)
    reserver.settle(name=first)
    assert reserver.reserve(ttl=150).outcome[0] is True
    with pytest.raises(TooManyReservations):
        reserver.reserve()
    # Those that expired count to the end of their minute.
    clock.move(59)
    with pytest.raises(TooManyReservations):
        reserver.reserve()
    clock.move(1)
    assert reserver.reserve().outcome[0] is True
    with pytest.raises(TooManyReservations):
        reserver.reserve()


def test_ended_reservations_are_deleted(reserver: Reserver, clock: Clock) -> None:
    store = reserver.store
    reserver.reserve(ttl=60)
    kept = reserver.name
    store.extend(kept, CALLER, 300)
    for _ in range(450):
        reserver.reserve(ttl=60)
    clock.move(60 + KEPT_SECONDS - 1)
    assert store.forget_ended_reservations() == 0
    clock.move(1)
    deleted = store.forget_ended_reservations(lambda: False)
    assert deleted == 0
    assert store.forget_ended_reservations() in (451, 0)
    with pytest.raises(ReservationExpired):
        store.settle(kept, CALLER, 1, ())
    clock.move(240)
    assert store.forget_ended_reservations() in (1, 0)
