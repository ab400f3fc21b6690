"""Who can make, settle and cancel reservations, and how many, in every store."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from ratelimit.bucket import Record
from ratelimit.claim import (
    Claim,
    CostExceedsClaim,
    CountersMissing,
    PolicyOutdated,
    Term,
    TermsEnded,
)  # fmt: skip
from ratelimit.reservation import (
    KEPT_SECONDS,
    KEY_ENTRY,
    NewReservation,
    ReservationEnded,
    ReservationExpired,
    ReservationUnknown,
    Reserved,
    TooManyReservations,
)
from ratelimit.reservation_id import new_name  # fmt: skip
from tests.conftest import Clock
from tests.ratelimit.outcomes import states_of
from tests.ratelimit.reservations.asking import (
    CALLER,
    KEY,
    LIMIT,
    PACE,
    RATE,
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
    allowed, debt, wait_ns, *_ = refused.outcome
    states = states_of(refused.outcome)
    assert (allowed, debt, wait_ns) == (False, 10 * LIMIT.price, 0)
    assert [state.refused for state in states] == [False, True]
    assert (states[1].value, states[1].wait_ns, states[1].ends_s) == (1, made.expires_s * 10**9 - clock.ns, 0)
    assert reserver.used() == 1000
    record = reserver.store.peek(KEY)
    assert (record.allowed, record.throttled) == (1, 1)
    with pytest.raises(ReservationUnknown):
        reserver.settle(quota(clock, 1))


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
