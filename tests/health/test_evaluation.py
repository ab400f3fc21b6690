"""Evaluation of guard rails: changes between the prefetch and the lock of the event log are detected."""

from datetime import UTC, datetime, timedelta

import pytest

from apikeys.config_service import ConfigService
from events.batched_sql import run
from events.chain import GENESIS
from events.draft import Draft
from health.evaluation import Evaluation
from health.guard_rails import BY_NAME, GuardRail
from health.models import Incident, Waiver

pytestmark = pytest.mark.django_db
RAIL = BY_NAME["unlimited_key"]
NOW = datetime.now(UTC)


class PendingEvaluation:
    """Evaluation of a key's change, stopped between the prefetch and the lock."""

    def __init__(self, rail: GuardRail, *key_ids: str) -> None:
        self._evaluation = Evaluation({rail: frozenset(key_ids)}, NOW, "r")
        self._statements = self._evaluation.reads()

    def decide(self) -> list[str]:
        """Complete the evaluation; return the statuses that it reports."""
        self._evaluation.receive(run(self._statements))
        return [event.data["status"] for event in self._evaluation.decide(Draft(0, GENESIS)).events]


def waive(key_id: str = "") -> Waiver:
    ends_at = NOW + timedelta(days=1)
    return Waiver.objects.create(
        guard_rail=RAIL.name, key_id=key_id, reason="x", granted_by="x", granted_at=NOW, ends_at=ends_at
    )


def open_incident() -> None:
    Incident.objects.create(guard_rail=RAIL.name, severity="warning", count=1, detail="x", opened_at=NOW)


@pytest.fixture
def unlimited(service: ConfigService) -> str:
    """Return the key ID of a violating key without an incident."""
    key_id = service.issue({"label": "x", "rate_limit": None}).key.key_id
    Incident.objects.all().delete()
    return key_id


def test_violation_is_reported(unlimited: str) -> None:
    assert PendingEvaluation(RAIL, unlimited).decide() == ["degraded"]


def test_waiver_that_ends_meanwhile_silences_nothing(unlimited: str) -> None:
    waiver = waive(unlimited)
    evaluation = PendingEvaluation(RAIL, unlimited)
    Waiver.objects.filter(pk=waiver.pk).update(ended_at=NOW)
    assert evaluation.decide() == ["degraded"]


@pytest.mark.parametrize("is_for_all", [True, False])
def test_waiver_granted_meanwhile_applies(is_for_all: bool, unlimited: str) -> None:
    evaluation = PendingEvaluation(RAIL, unlimited)
    waive("" if is_for_all else unlimited)
    assert evaluation.decide() == []


def test_incident_opened_meanwhile_is_closed(service: ConfigService) -> None:
    key_id = service.issue({"label": "x"}).key.key_id
    evaluation = PendingEvaluation(RAIL, key_id)
    open_incident()
    assert evaluation.decide() == ["ok"]


def test_incident_opened_meanwhile_is_not_opened_twice(unlimited: str) -> None:
    evaluation = PendingEvaluation(RAIL, unlimited)
    open_incident()
    assert evaluation.decide() == []


def test_other_key_fixed_meanwhile_is_not_counted(service: ConfigService) -> None:
    fine, other = service.issue({"label": "x"}).key, service.issue({"label": "x", "rate_limit": None}).key
    evaluation = PendingEvaluation(RAIL, fine.key_id)
    other.rate_limit = {"burst": 1, "per_seconds": 1}
    other.save()
    assert evaluation.decide() == ["ok"]


def test_late_change_keeps_incident_opened_by_time(service: ConfigService) -> None:
    ends_at = NOW + timedelta(days=15)  # two days after NOW it expires within 14
    key = service.issue({"label": "x", "expires_at": ends_at.isoformat()}).key
    rail = BY_NAME["expiring_key"]
    Incident.objects.create(
        guard_rail=rail.name, severity="warning", count=1, detail="x", opened_at=NOW + timedelta(days=2)
    )
    assert PendingEvaluation(rail, key.key_id).decide() == []
    assert Incident.objects.get(guard_rail=rail.name).closed_at is None
