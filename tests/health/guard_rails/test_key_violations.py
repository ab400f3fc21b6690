"""What one key violates, as its page shows it: the same as the guard rails find, without a query for each."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apikeys.config_service import ConfigService
from apikeys.models import APIKey
from health import key_violations
from health.guard_rails import GUARD_RAILS
from health.guard_rails.keys import KeyGuardRail
from health.key_violations import violations_of
from health.models import Waiver
from tests.health.guard_rails.findings import DAY, NOW, WELL_CONFIGURED

pytestmark = pytest.mark.django_db
LATER = NOW + 95 * DAY


def names(key: APIKey) -> list[str]:
    return [rail.name for rail in violations_of(key, LATER)]


def waive(name: str, key_id: str, **values: object) -> Waiver:
    values = {"granted_by": "user:ada", "granted_at": NOW, "ends_at": LATER + timedelta(seconds=1), **values}
    return Waiver.objects.create(guard_rail=name, key_id=key_id, reason="load test", **values)


@pytest.fixture
def unlimited(keys: ConfigService) -> APIKey:
    """A key that violates three guard rails, next to another key."""
    keys.issue({**WELL_CONFIGURED, "rate_limit": {"burst": 100_001, "per_seconds": 1}})
    return keys.issue({**WELL_CONFIGURED, "rate_limit": None}).key


def test_violations_are_those_that_the_guard_rails_find(unlimited: APIKey) -> None:
    assert names(unlimited) == ["unlimited_key", "expiring_key", "unused_key"]
    rails = [rail for rail in GUARD_RAILS if isinstance(rail, KeyGuardRail)]
    for key in APIKey.objects.all():
        alone = [rail.name for rail in rails if rail.unwaived(LATER).filter(pk=key.pk).exists()]
        assert names(key) == alone


def test_only_waiver_of_the_key_itself_hides_a_violation(unlimited: APIKey) -> None:
    other = APIKey.objects.exclude(pk=unlimited.pk).first()
    assert other
    waive("unlimited_key", "")
    waive("unlimited_key", other.key_id)
    waive("unused_key", unlimited.key_id, ended_at=LATER)
    waive("unused_key", unlimited.key_id, ends_at=LATER)
    assert names(unlimited) == ["unlimited_key", "expiring_key", "unused_key"]
    waive("expiring_key", unlimited.key_id)
    assert names(unlimited) == ["unlimited_key", "unused_key"]


def test_number_of_guard_rails_adds_no_query(unlimited: APIKey, monkeypatch: pytest.MonkeyPatch) -> None:
    def queries() -> int:
        names(unlimited)
        with CaptureQueriesContext(connection) as captured:
            names(unlimited)
        return len(captured)

    many = queries()
    assert many <= 2
    monkeypatch.setattr(key_violations, "_RAILS", key_violations._RAILS[:1])
    assert queries() == many
    assert names(unlimited) == ["unlimited_key"]


def test_disabled_key_violates_nothing(unlimited: APIKey, keys: ConfigService) -> None:
    keys.update(unlimited.key_id, {"enabled": False})
    assert names(unlimited) == []
