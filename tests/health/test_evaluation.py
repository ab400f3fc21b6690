"""Which guard rails matter is looked up before the event log is held; what changes until then is found out."""

from datetime import UTC, datetime, timedelta

import pytest

from apikeys.config_service import ConfigService
from events.batched_sql import run
from events.chain import GENESIS
from events.draft import Draft
from health.evaluation import Judgment
from health.guard_rails import BY_NAME, GuardRail
from health.models import Incident, Waiver

pytestmark = pytest.mark.django_db
RAIL = BY_NAME["unlimited_key"]
NOW = datetime.now(UTC)


class Meanwhile:
    """A judgment of a key's change, with a moment between the look ahead and the lock."""

    def __init__(self, rail: GuardRail, *key_ids: str) -> None:
        self._judgment = Judgment({rail: frozenset(key_ids)}, NOW, "r")
        self._statements = self._judgment.reads()

    def decide(self) -> list[str]:
        """Go on; return the statuses that are reported."""
        self._judgment.receive(run(self._statements))
        return [event.data["status"] for event in self._judgment.decide(Draft(0, GENESIS)).events]


def waive(key_id: str = "") -> Waiver:
    ends_at = NOW + timedelta(days=1)
    return Waiver.objects.create(
        guard_rail=RAIL.name, key_id=key_id, reason="x", granted_by="x", granted_at=NOW, ends_at=ends_at
    )


def open_one() -> None:
    Incident.objects.create(guard_rail=RAIL.name, severity="warning", count=1, detail="x", opened_at=NOW)


@pytest.fixture
def unlimited(service: ConfigService) -> str:
    """A key in breach, of which no incident tells."""
    key_id = service.issue({"label": "x", "rate_limit": None}).key.key_id
    Incident.objects.all().delete()
    return key_id


def test_breach_is_reported(unlimited: str) -> None:
    assert Meanwhile(RAIL, unlimited).decide() == ["degraded"]


def test_waiver_that_ends_meanwhile_silences_no_breach(unlimited: str) -> None:
    waiver = waive(unlimited)
    judgment = Meanwhile(RAIL, unlimited)
    Waiver.objects.filter(pk=waiver.pk).update(ended_at=NOW)
    assert judgment.decide() == ["degraded"]


@pytest.mark.parametrize("is_for_all", [True, False])
def test_waiver_that_is_granted_meanwhile_counts(is_for_all: bool, unlimited: str) -> None:
    judgment = Meanwhile(RAIL, unlimited)
    waive("" if is_for_all else unlimited)
    assert judgment.decide() == []


def test_incident_that_is_opened_meanwhile_is_closed(service: ConfigService) -> None:
    key_id = service.issue({"label": "x"}).key.key_id
    judgment = Meanwhile(RAIL, key_id)
    open_one()
    assert judgment.decide() == ["ok"]


def test_incident_that_is_opened_meanwhile_is_not_opened_twice(unlimited: str) -> None:
    judgment = Meanwhile(RAIL, unlimited)
    open_one()
    assert judgment.decide() == []


def test_other_key_that_is_put_right_meanwhile_is_not_counted(service: ConfigService) -> None:
    fine, other = service.issue({"label": "x"}).key, service.issue({"label": "x", "rate_limit": None}).key
    judgment = Meanwhile(RAIL, fine.key_id)
    other.rate_limit = {"burst": 1, "per_seconds": 1}
    other.save()
    assert judgment.decide() == ["ok"]


def test_change_that_waited_does_not_close_what_time_has_opened_since(service: ConfigService) -> None:
    ends_at = NOW + timedelta(days=15)  # two days after NOW it expires within 14
    key = service.issue({"label": "x", "expires_at": ends_at.isoformat()}).key
    rail = BY_NAME["expiring_key"]
    Incident.objects.create(
        guard_rail=rail.name, severity="warning", count=1, detail="x", opened_at=NOW + timedelta(days=2)
    )
    assert Meanwhile(rail, key.key_id).decide() == []
    assert Incident.objects.get(guard_rail=rail.name).closed_at is None
