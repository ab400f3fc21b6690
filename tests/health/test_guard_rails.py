"""Each guard rail finds what it is there for, on both sides of its boundary, and nothing else."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from apikeys.config_service import ConfigService
from apikeys.models import APIKey, KeySecret, Usage
from events.models import Patrol
from events.origin import Origin
from health.failure_bursts import MOST_BURSTS, QUIET_FOR, note_failure_bursts
from health.guard_rails import BY_NAME, GUARD_RAILS, Severity
from health.models import FailureBurst, StoreOutage, Waiver
from health.scheduler.lease import release_lease, take_lease
from ratelimit.limit import Limit
from ratelimit.limiter import AttemptKind, Limiter, default_limiter
from ratelimit.stores import BucketStoreError, LmdbStore, MemoryStore
from tests.conftest import Clock
from tests.support.small_disk import fill, small_disk

pytestmark = pytest.mark.django_db
NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
MINUTES_15 = timedelta(minutes=15)
FOREVER = {"expires_at": None}
FINE = {"label": "x", "expires_at": (NOW + 100 * DAY).isoformat(), "rate_limit": {"burst": 5, "per_seconds": 60}}


@pytest.fixture
def keys() -> ConfigService:
    return ConfigService(Origin("command:test", "r"), now=lambda: NOW)


def found(name: str, now: datetime = NOW) -> int:
    """How many things the guard rail finds."""
    finding = BY_NAME[name].find(now)
    return finding.count if finding else 0


def aged(key: APIKey, **columns: object) -> None:
    APIKey.objects.filter(pk=key.pk).update(**columns)


def test_names_and_severities_are_what_is_documented() -> None:
    assert len(BY_NAME) == len(GUARD_RAILS) == 18
    assert {rail.name for rail in GUARD_RAILS if not rail.severity.degrades} == {"key_without_expiry", "unused_key"}
    assert {rail.name for rail in GUARD_RAILS if rail.severity is Severity.CRITICAL} == {
        "bucket_store",
        "broken_event_log",
        "absent_steward",
        "full_disk",
        "unwritable_database",
    }
    for rail in GUARD_RAILS:
        assert rail.remediation.endswith(f" See https://keys.example.test/guard-rails/{rail.name}.")


def test_a_key_as_it_should_be_breaches_nothing(keys: ConfigService) -> None:
    keys.issue(FINE)
    assert [rail.name for rail in GUARD_RAILS if rail.find(NOW)] == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("unlimited_key", {"rate_limit": None}),
        ("excessive_burst", {"rate_limit": {"burst": 100_001, "per_seconds": 1}}),
        ("key_without_expiry", FOREVER),
        ("expiring_key", {"expires_at": (NOW + 14 * DAY).isoformat()}),
    ],
)
def test_keys_in_breach_by_their_fields(keys: ConfigService, name: str, values: dict[str, object]) -> None:
    keys.issue(FINE)
    key_id = keys.issue({**FINE, **values}).key.key_id
    assert [rail.name for rail in GUARD_RAILS if rail.find(NOW)] == [name]
    finding = BY_NAME[name].find(NOW)
    assert finding
    assert (finding.count, key_id in finding.detail) == (1, True)
    keys.update(key_id, {"enabled": False})
    assert found(name) == 0
    keys.update(key_id, {"enabled": True})
    assert found(name) == 1
    keys.revoke(key_id)
    assert found(name) == 0


def test_boundaries_of_bursts_and_expiries(keys: ConfigService, settings: Settings) -> None:
    key = keys.issue({**FINE, "rate_limit": {"burst": 100_000, "per_seconds": 1}}).key
    assert found("excessive_burst") == 0
    settings.GUARD_RAIL_MAX_BURST = 99_999
    assert found("excessive_burst") == 1
    aged(key, expires_at=NOW + 14 * DAY + SECOND)
    assert found("expiring_key") == 0
    assert found("expiring_key", NOW + SECOND) == 1
    assert found("expiring_key", NOW + 15 * DAY) == 0


def test_unused_keys(keys: ConfigService) -> None:
    key = keys.issue(FINE).key
    aged(key, created_at=NOW - 90 * DAY)
    assert found("unused_key") == 0
    assert found("unused_key", NOW + SECOND) == 1
    aged(key, last_used_at=NOW - 90 * DAY)
    assert found("unused_key") == 0
    assert found("unused_key", NOW + SECOND) == 1


def test_old_secrets(keys: ConfigService, settings: Settings) -> None:
    settings.SECRET_MAX_AGE = 10 * DAY
    key = keys.issue(FINE).key
    assert found("old_secret", NOW + 10 * DAY) == 0
    assert found("old_secret", NOW + 10 * DAY + SECOND) == 1
    later = ConfigService(Origin("command:test", "r"), now=lambda: NOW + 9 * DAY)
    later.rotate(key.key_id, {"grace_seconds": 2_592_000})
    assert found("old_secret", NOW + 11 * DAY) == 0, "the retiring secret ends by itself"


@pytest.mark.parametrize(("grace", "near_end"), [(4 * 3600, 3 * 3600), (10 * 86_400, 9 * 86_400)])
def test_overdue_rotations(keys: ConfigService, grace: int, near_end: int) -> None:
    key_id = keys.issue(FINE).key.key_id
    keys.rotate(key_id, {"grace_seconds": grace})
    overdue = NOW + timedelta(seconds=near_end)

    def used(moment: datetime, state: str = "retiring") -> None:
        KeySecret.objects.filter(key__key_id=key_id, state=state).update(last_used_at=moment)

    used(NOW - SECOND)
    assert found("overdue_rotation", overdue) == 0, "nothing is known to use it since the rotation"
    used(overdue - SECOND)
    assert found("overdue_rotation", overdue - SECOND) == 0
    assert found("overdue_rotation", overdue) == 1, "the new secret was never used"
    used(overdue, "active")
    assert found("overdue_rotation", overdue) == 0, "it was not used since"
    used(overdue)
    assert found("overdue_rotation", overdue - SECOND) == 0
    assert found("overdue_rotation", overdue) == 1
    assert found("overdue_rotation", NOW + timedelta(seconds=grace)) == 0
    keys.finish_rotation(key_id)
    assert found("overdue_rotation", overdue) == 0


def test_sustained_throttling(keys: ConfigService) -> None:
    key = keys.issue(FINE).key
    for minute in range(1, 11):
        start = NOW.replace(minute=0) - timedelta(minutes=minute)
        Usage.objects.create(key=key, step="minute", start=start, allowed=9, throttled=1)
        Usage.objects.create(key=key, step="hour", start=start, allowed=9, throttled=1)
        assert found("sustained_throttling") == (minute == 10)
    assert found("sustained_throttling", NOW + timedelta(minutes=4)) == 1
    assert found("sustained_throttling", NOW + timedelta(minutes=5)) == 0


def test_waived_keys_are_not_found(keys: ConfigService) -> None:
    one, _other = (keys.issue({**FINE, "rate_limit": None}).key.key_id for _ in range(2))
    waiver = Waiver.objects.create(
        guard_rail="unlimited_key", key_id=one, reason="x", granted_by="x", granted_at=NOW, ends_at=NOW + DAY
    )
    assert found("unlimited_key") == 1
    assert found("unlimited_key", NOW + DAY) == 2
    waiver.ended_at = NOW
    waiver.save()
    assert found("unlimited_key") == 2


def test_counting_ends_at_a_bound(keys: ConfigService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("health.guard_rails.keys.KeyGuardRail.counted_at_most", 5)
    first = keys.issue({**FINE, **FOREVER}).key.key_id
    for _ in range(6):
        keys.issue({**FINE, **FOREVER})
    finding = BY_NAME["key_without_expiry"].find(NOW)
    assert finding
    assert finding.count == 5
    assert finding.detail.startswith(f"Keys that never expire: {first}, ")
    assert finding.detail.endswith(" and 2 or more.")


def test_bucket_store(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found("bucket_store") == 0

    def fail(*_: object) -> None:
        raise BucketStoreError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(default_limiter().store, "ping", fail)
        assert found("bucket_store") == 1
    for number, seconds in enumerate((0, 14, 16)):
        seen_at = timezone.now() - timedelta(seconds=seconds)
        StoreOutage.objects.create(node=f"{number}", host="web", since=NOW, seen_at=seen_at)
    assert found("bucket_store") == 2, "that of the node that said nothing for 16 seconds has lapsed"


def test_rebuilt_bucket_store_is_found_for_15_minutes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert found("rebuilt_bucket_store") == 0
    store = LmdbStore(tmp_path / "b")
    monkeypatch.setattr(default_limiter(), "store", store)
    now = timezone.now()
    assert found("rebuilt_bucket_store", now) == 0, "a new file is nothing to report"
    store.close()
    (tmp_path / "b" / "data.mdb").write_bytes(b"garbage" * 1000)
    finding = BY_NAME["rebuilt_bucket_store"].find(now)
    assert finding
    assert finding.at
    assert "not an LMDB data file" in finding.detail
    assert found("rebuilt_bucket_store", finding.at + MINUTES_15) == 1
    assert found("rebuilt_bucket_store", finding.at + MINUTES_15 + SECOND) == 0
    store.close()


def test_event_log() -> None:
    patrol = Patrol.objects.create(id=1, finished_at=NOW)
    assert found("broken_event_log") == 0
    patrol.broken_at, patrol.reason = 7, "event 7 is missing"
    patrol.save()
    finding = BY_NAME["broken_event_log"].find(NOW)
    assert finding
    assert finding.detail == "The event log is broken at event 7: event 7 is missing."


SERVED = "LATCHKEY_STARTED_AT"
WAIT = timedelta(seconds=15)


def _never(_now: datetime) -> None:
    """No steward was ever there."""


def _killed(now: datetime) -> None:
    take_lease("steward", "a", now=now - DAY, duration=DAY)


def _resigned(now: datetime) -> None:
    take_lease("steward", "a", now=now - DAY, duration=10 * DAY)
    release_lease("steward", "a", now=now)


@pytest.mark.parametrize("before", [_never, _killed, _resigned])
def test_steward_is_missed_15_seconds_after_the_start_or_the_end_of_the_last(
    before: Callable[[datetime], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = NOW if before is _never else NOW - 5 * DAY
    monkeypatch.setenv(SERVED, str(started.timestamp()))
    before(NOW)
    assert found("absent_steward", NOW + WAIT - SECOND) == 0
    assert found("absent_steward", NOW + WAIT) == 1
    take_lease("steward", "b", now=NOW + WAIT, duration=WAIT)
    assert found("absent_steward", NOW + WAIT) == 0


def test_steward_is_not_missed_where_nothing_was_ever_served() -> None:
    assert found("absent_steward") == 0


def test_bursts_of_failed_authentications_are_told_once_until_they_are_quiet(clock: Clock) -> None:
    limiter, limit = Limiter(MemoryStore(clock)), Limit(2, 60)

    def note() -> list[str]:
        now = datetime.fromtimestamp(clock.seconds(), UTC)
        note_failure_bursts(limiter, now=now, origin=Origin.of_system())
        return list(FailureBurst.objects.values_list("address", flat=True))

    for address in ("203.0.113.1", "203.0.113.1", "203.0.113.2", "203.0.113.2", "203.0.113.2"):
        limiter.take_for_address(address, limit)
    assert note() == ["203.0.113.2"]
    clock.move(60)
    limiter.forget_idle_addresses(limit)
    assert note() == ["203.0.113.2"], "quiet for a minute is not yet over"
    clock.move(QUIET_FOR.total_seconds() - 60)
    assert note() == ["203.0.113.2"]
    clock.move(1)
    assert note() == []


def test_an_address_that_is_refused_sign_ins_and_credentials_is_one_burst(clock: Clock) -> None:
    limiter, limit = Limiter(MemoryStore(clock)), Limit(1, 60)

    def note() -> tuple[str, int]:
        now = datetime.fromtimestamp(clock.seconds(), UTC)
        note_failure_bursts(limiter, now=now, origin=Origin.of_system())
        burst = FailureBurst.objects.get()
        return burst.address, burst.refused

    for attempt in (AttemptKind.CREDENTIAL, AttemptKind.SIGN_IN, AttemptKind.SIGN_IN):
        for _ in range(2):
            limiter.take_for_address("2001:db8::/64", limit, attempt)
    assert note() == ("2001:db8::/64", 4)
    clock.move(QUIET_FOR.total_seconds() - 1)
    for _ in range(2):
        limiter.take_for_address("2001:db8::/64", limit)
    clock.move(2)
    assert note() == ("2001:db8::/64", 2), "the sign-ins have ended, the other attempts go on"


def test_bursts_are_bounded(clock: Clock) -> None:
    limiter, limit = Limiter(MemoryStore(clock)), Limit(1, 60)
    for number in range(MOST_BURSTS + 5):
        for _ in range(2):
            limiter.take_for_address(f"2001:db8::{number:04}", limit)
    note_failure_bursts(limiter, now=datetime.fromtimestamp(clock.seconds(), UTC), origin=Origin.of_system())
    assert FailureBurst.objects.count() == MOST_BURSTS
    assert found("authentication_failures") == MOST_BURSTS


@pytest.mark.needs("mount")
def test_disk_is_full_below_what_the_bucket_file_takes_ahead(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    assert found("full_disk") == 0
    with small_disk(tmp_path, 70) as disk:
        assert found("full_disk") == 0
        (disk / "a").write_bytes(bytes(5 << 20))
        assert found("full_disk") == 0
        (disk / "b").write_bytes(bytes(2 << 20))
        assert found("full_disk") == 1
        fill(disk / "c")
        assert found("full_disk") == 1
    assert found("full_disk") == 0
