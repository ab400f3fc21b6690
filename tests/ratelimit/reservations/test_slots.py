"""Slots of limits of concurrency, and extending reservations, in every store."""

import pytest

from ratelimit.reservation import (
    Charge,
    ReservationEnded,
    ReservationExpired,
)
from tests.conftest import Clock
from tests.ratelimit.outcomes import states_of
from tests.ratelimit.reservations.asking import (
    CALLER,
    KEY,
    SEATS,
    TOKENS,
    Reserver,
    quota,
    seats,
)  # fmt: skip


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
    assert (made.outcome[0], states_of(made.outcome)[0].value) == (True, 1)


def test_wait_for_a_slot_is_until_enough_have_ended(reserver: Reserver, clock: Clock) -> None:
    for ttl in (50, 20, 90, 70):
        reserver.reserve(seats(4), ttl=ttl)
    # Only two are allowed by now, so the three that end first have to end.
    refused = states_of(reserver.reserve(seats(2)).outcome)[0]
    assert (refused.value, refused.wait_ns) == (4, 70 * 10**9)


def test_observed_slots_are_never_refused(reserver: Reserver) -> None:
    for held in (1, 2, 3):
        made = reserver.reserve(seats(1, enforced=False))
        assert (made.outcome[0], states_of(made.outcome)[0].value) == (True, held)
    assert reserver.reserve(seats(3)).outcome[0] is False


def test_slots_of_another_definition_start_anew(reserver: Reserver) -> None:
    reserver.reserve(seats(1))
    assert reserver.reserve(seats(1, definition=90)).outcome[0] is True
    assert reserver.reserve(seats(1, definition=90)).outcome[0] is False


def test_slots_are_only_for_reservations(reserver: Reserver) -> None:
    with pytest.raises(ValueError, match="only a reservation"):
        reserver.store.take(KEY, None, claims=(seats(1),))
