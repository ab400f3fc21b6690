"""Reservations of a limiter, which counts their decisions as those of other requests."""

import pytest
from prometheus_client import REGISTRY

from latchkey import metric_names
from ratelimit.limiter import Limiter
from ratelimit.reservation import KEPT_SECONDS, NewReservation, ReservationUnknown, TooManyReservations
from ratelimit.reservation_id import new_name
from ratelimit.stores import MemoryStore
from ratelimit.stores.base import BucketStoreError
from tests.conftest import Clock
from tests.ratelimit.reservations.asking import CALLER, KEY, LIMIT


def counted(name: str) -> float:
    return REGISTRY.get_sample_value(name) or REGISTRY.get_sample_value(f"{name}_total") or 0.0


def test_limiter_reserves_settles_and_counts(clock: Clock) -> None:
    limiter = Limiter(MemoryStore(clock))
    names = [new_name(KEY) for _ in range(3)]
    before = counted(metric_names.RATE_LIMIT_ALLOWED), counted(metric_names.RATE_LIMIT_THROTTLED)
    made = [limiter.reserve((KEY, LIMIT, 60, 0, 0, ()), NewReservation(name, CALLER, 60)) for name in names[:2]]
    assert [(decision.allowed, expires_s) for decision, expires_s in made] == [
        (True, clock.ns // 10**9 + 60), (False, 0),
    ]  # fmt: skip
    assert made[1][0].retry_after_seconds == 720
    after = counted(metric_names.RATE_LIMIT_ALLOWED), counted(metric_names.RATE_LIMIT_THROTTLED)
    assert (after[0] - before[0], after[1] - before[1]) == (1, 1)
    assert limiter.extend(names[0], CALLER, 90) == clock.ns // 10**9 + 90
    assert limiter.settle(names[0], CALLER, 10, ()).charges[0].returned == 50
    limiter.reserve((KEY, LIMIT, 60, 0, 0, ()), NewReservation(names[2], CALLER, 60))
    assert limiter.cancel(names[2], CALLER).charges[0].returned == 60
    clock.move(90 + KEPT_SECONDS)
    assert limiter.forget_ended_reservations() == 3
    with pytest.raises(ReservationUnknown):
        limiter.cancel(names[0], CALLER)


def test_reservation_with_an_outdated_epoch_is_not_counted(clock: Clock) -> None:
    limiter = Limiter(MemoryStore(clock))
    limiter.publish_epoch(KEY.decode(), 5)
    before = counted(metric_names.RATE_LIMIT_THROTTLED)
    decision, expires_s = limiter.reserve((KEY, LIMIT, 1, 4, 0, ()), NewReservation(new_name(KEY), CALLER, 60))
    assert (decision.allowed, decision.epoch, expires_s) == (False, 5, 0)
    assert counted(metric_names.RATE_LIMIT_THROTTLED) == before


def test_only_failures_of_the_store_are_counted_as_such(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore(clock)
    limiter = Limiter(store)
    before = counted(metric_names.BUCKET_STORE_ERRORS)
    monkeypatch.setattr("ratelimit.reservations.MAX_OPEN", 0)
    with pytest.raises(TooManyReservations):
        limiter.reserve((KEY, LIMIT, 1, 0, 0, ()), NewReservation(new_name(KEY), CALLER, 60))
    assert counted(metric_names.BUCKET_STORE_ERRORS) == before

    def fail(*_: object) -> None:
        raise BucketStoreError("no")

    monkeypatch.setattr(store, "settle", fail)
    with pytest.raises(BucketStoreError):
        limiter.settle(new_name(KEY), CALLER, 1, ())
    assert counted(metric_names.BUCKET_STORE_ERRORS) == before + 1
