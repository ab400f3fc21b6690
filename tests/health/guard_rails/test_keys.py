"""Guard rails about keys, on both sides of their boundaries."""

from datetime import timedelta

import pytest
from pytest_django import Settings

from apikeys.config_service import ConfigService
from apikeys.models import APIKey, Usage
from health.guard_rails import BY_NAME, GUARD_RAILS
from health.models import Waiver
from tests.health.guard_rails.findings import DAY, NOW, SECOND, WELL_CONFIGURED, count_violations
from tests.support.last_use import set_last_use

pytestmark = pytest.mark.django_db
NEVER_EXPIRES = {"expires_at": None}


def set_columns(key: APIKey, **columns: object) -> None:
    APIKey.objects.filter(pk=key.pk).update(**columns)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("unlimited_key", {"rate_limit": None}),
        ("excessive_burst", {"rate_limit": {"burst": 100_001, "per_seconds": 1}}),
        ("key_without_expiry", NEVER_EXPIRES),
        ("expiring_key", {"expires_at": (NOW + 14 * DAY).isoformat()}),
    ],
)
def test_key_fields_violate_guard_rails(keys: ConfigService, name: str, values: dict[str, object]) -> None:
    keys.issue(WELL_CONFIGURED)
    key_id = keys.issue({**WELL_CONFIGURED, **values}).key.key_id
    assert [rail.name for rail in GUARD_RAILS if rail.find(NOW)] == [name]
    finding = BY_NAME[name].find(NOW)
    assert finding
    assert (finding.count, key_id in finding.detail) == (1, True)
    keys.update(key_id, {"enabled": False})
    assert count_violations(name) == 0
    keys.update(key_id, {"enabled": True})
    assert count_violations(name) == 1
    keys.revoke(key_id)
    assert count_violations(name) == 0


def test_boundaries_of_bursts_and_expiries(keys: ConfigService, settings: Settings) -> None:
    key = keys.issue({**WELL_CONFIGURED, "rate_limit": {"burst": 100_000, "per_seconds": 1}}).key
    assert count_violations("excessive_burst") == 0
    settings.GUARD_RAIL_MAX_BURST = 99_999
    assert count_violations("excessive_burst") == 1
    set_columns(key, expires_at=NOW + 14 * DAY + SECOND)
    assert count_violations("expiring_key") == 0
    assert count_violations("expiring_key", NOW + SECOND) == 1
    assert count_violations("expiring_key", NOW + 15 * DAY) == 0


def test_unused_keys(keys: ConfigService) -> None:
    key = keys.issue(WELL_CONFIGURED).key
    set_columns(key, created_at=NOW - 90 * DAY)
    assert count_violations("unused_key") == 0
    assert count_violations("unused_key", NOW + SECOND) == 1
    set_last_use(key, NOW - 90 * DAY)
    assert count_violations("unused_key") == 0
    assert count_violations("unused_key", NOW + SECOND) == 1


def test_sustained_throttling(keys: ConfigService) -> None:
    key = keys.issue(WELL_CONFIGURED).key
    for minute in range(1, 11):
        start = NOW.replace(minute=0) - timedelta(minutes=minute)
        Usage.objects.create(key=key, step="minute", start=start, allowed=9, throttled=1)
        Usage.objects.create(key=key, step="hour", start=start, allowed=9, throttled=1)
        assert count_violations("sustained_throttling") == (minute == 10)
    assert count_violations("sustained_throttling", NOW + timedelta(minutes=4)) == 1
    assert count_violations("sustained_throttling", NOW + timedelta(minutes=5)) == 0


def test_waived_keys_are_ignored(keys: ConfigService) -> None:
    one, _other = (keys.issue({**WELL_CONFIGURED, "rate_limit": None}).key.key_id for _ in range(2))
    waiver = Waiver.objects.create(
        guard_rail="unlimited_key", key_id=one, reason="x", granted_by="x", granted_at=NOW, ends_at=NOW + DAY
    )
    assert count_violations("unlimited_key") == 1
    assert count_violations("unlimited_key", NOW + DAY) == 2
    waiver.ended_at = NOW
    waiver.save()
    assert count_violations("unlimited_key") == 2


def test_counting_is_bounded(keys: ConfigService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("health.guard_rails.keys.KeyGuardRail.max_counted", 5)
    first = keys.issue({**WELL_CONFIGURED, **NEVER_EXPIRES}).key.key_id
    for _ in range(6):
        keys.issue({**WELL_CONFIGURED, **NEVER_EXPIRES})
    finding = BY_NAME["key_without_expiry"].find(NOW)
    assert finding
    assert finding.count == 5
    assert finding.detail.startswith(f"Keys that never expire: {first}, ")
    assert finding.detail.endswith(" and 2 or more.")
