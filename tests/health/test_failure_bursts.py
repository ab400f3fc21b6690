"""Bursts of failed authentications: reported once, over once the address is quiet, and bounded."""

from datetime import UTC, datetime

import pytest

from events.origin import Origin
from health.failure_bursts import MAX_BURSTS, QUIET_FOR, record_failure_bursts
from health.models import FailureBurst
from ratelimit.address_attempts import AttemptKind
from ratelimit.limit import Limit
from ratelimit.limiter import Limiter
from ratelimit.stores import MemoryStore
from tests.conftest import Clock
from tests.health.guard_rails.findings import count_violations

pytestmark = pytest.mark.django_db


def test_burst_is_reported_once_until_it_is_quiet(clock: Clock) -> None:
    limiter, limit = Limiter(MemoryStore(clock)), Limit(2, 60)

    def record_bursts() -> list[str]:
        now = datetime.fromtimestamp(clock.seconds(), UTC)
        record_failure_bursts(limiter, now=now, origin=Origin.of_system())
        return list(FailureBurst.objects.values_list("address", flat=True))

    for address in ("203.0.113.1", "203.0.113.1", "203.0.113.2", "203.0.113.2", "203.0.113.2"):
        limiter.take_for_address(address, limit)
    assert record_bursts() == ["203.0.113.2"]
    clock.move(60)
    limiter.forget_idle_addresses(limit)
    assert record_bursts() == ["203.0.113.2"], "quiet for a minute is not yet over"
    clock.move(QUIET_FOR.total_seconds() - 60)
    assert record_bursts() == ["203.0.113.2"]
    clock.move(1)
    assert record_bursts() == []


def test_sign_ins_and_credentials_of_an_address_are_one_burst(clock: Clock) -> None:
    limiter, limit = Limiter(MemoryStore(clock)), Limit(1, 60)

    def record_bursts() -> tuple[str, int]:
        now = datetime.fromtimestamp(clock.seconds(), UTC)
        record_failure_bursts(limiter, now=now, origin=Origin.of_system())
        burst = FailureBurst.objects.get()
        return burst.address, burst.refused

    for attempt in (AttemptKind.CREDENTIAL, AttemptKind.SIGN_IN, AttemptKind.SIGN_IN):
        for _ in range(2):
            limiter.take_for_address("2001:db8::/64", limit, attempt)
    assert record_bursts() == ("2001:db8::/64", 4)
    clock.move(QUIET_FOR.total_seconds() - 1)
    for _ in range(2):
        limiter.take_for_address("2001:db8::/64", limit)
    clock.move(2)
    assert record_bursts() == ("2001:db8::/64", 2), "the sign-ins have ended, the other attempts go on"


def test_bursts_are_bounded(clock: Clock) -> None:
    limiter, limit = Limiter(MemoryStore(clock)), Limit(1, 60)
    for number in range(MAX_BURSTS + 5):
        for _ in range(2):
            limiter.take_for_address(f"2001:db8::{number:04}", limit)
    record_failure_bursts(limiter, now=datetime.fromtimestamp(clock.seconds(), UTC), origin=Origin.of_system())
    assert FailureBurst.objects.count() == MAX_BURSTS
    assert count_violations("authentication_failures") == MAX_BURSTS
