"""Incidents: reported once when they open and once when they close, right after the change that caused it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from apikeys.config_service import ConfigService
from apikeys.models import APIKey
from events.batched_sql import Statement
from events.models import Event
from events.origin import Origin
from events.types import EventType
from health.evaluation_queries import clear_templates
from health.guard_rails import GUARD_RAILS, Finding
from health.guard_rails.operation import RebuiltBucketStore
from health.incidents import degraded, open_incidents, sweep
from health.models import Incident, Waiver
from health.scheduler.tasks import Run, tasks
from health.waivers import Waivers
from ratelimit.limiter import Limiter
from ratelimit.stores import MemoryStore
from tests.conftest import Caller

pytestmark = pytest.mark.django_db
LIMIT = {"burst": 5, "per_seconds": 60}
DAY = timedelta(days=1)


def reported() -> list[tuple[str, str]]:
    """Return the component and status of every HealthChanged so far."""
    changes = Event.objects.filter(type=EventType.HEALTH_CHANGED).order_by("id")
    return [(event.data["component"], event.data["status"]) for event in changes]


def run_tasks(now: datetime) -> None:
    """Run all tasks of the steward once, at `now`."""
    store = MemoryStore(lambda: int(now.timestamp() * 1e9))
    for task in tasks(Limiter(store)):
        task.run(Run(now, "r-steward"))


def test_unlimited_key_opens_incident_and_limit_closes_it(service: ConfigService) -> None:
    key_id = service.issue({"label": "x"}).key.key_id
    service.update(key_id, {"rate_limit": None})
    change, health = Event.objects.order_by("id").last(), Event.objects.get(type="HealthChanged")
    assert change == health, "the violation is reported right after the change"
    assert (health.actor, health.request_id, health.key_id) == ("system", "request-of-test", "")
    incident = open_incidents()[-1]
    assert health.data == {
        "component": "unlimited_key",
        "status": "degraded",
        "degraded": ["unlimited_key"],
        "detail": f"Keys that have no enforced limit: {key_id}.",
        "remediation": "Set a rate limit for each key, give it a plan that enforces one, or grant the key a waiver. "
        "See https://keys.example.test/guard-rails/unlimited_key.",
    }
    assert (incident.guard_rail, incident.count, incident.opened_by) == ("unlimited_key", 1, health.id)
    service.update(key_id, {"rate_limit": LIMIT})
    incident.refresh_from_db()
    last = Event.objects.order_by("id").last()
    assert last
    assert (last.data["status"], last.data["degraded"], incident.closed_by) == ("ok", [], last.id)
    assert reported() == [("unlimited_key", "degraded"), ("unlimited_key", "ok")]


def test_further_keys_are_counted_without_an_event(service: ConfigService) -> None:
    one, other = (service.issue({"label": "x", "rate_limit": None}).key.key_id for _ in range(2))
    assert [incident.count for incident in open_incidents() if incident.guard_rail == "unlimited_key"] == [2]
    service.update(one, {"label": "y"})
    service.update(one, {"rate_limit": LIMIT})
    assert degraded() == ["unlimited_key"]
    service.revoke(other)
    assert reported() == [("unlimited_key", "degraded"), ("unlimited_key", "ok")]


def test_other_keys_do_not_close_an_incident(service: ConfigService, api: Caller) -> None:
    service.issue({"label": "x", "rate_limit": None})
    for _ in range(3):
        key_id = service.issue({"label": "fine"}).key.key_id
        service.update(key_id, {"rate_limit": LIMIT})
        service.revoke(key_id)
        assert api.get("/v1/whoami").status_code == 200
    sweep(GUARD_RAILS, now=datetime.now(UTC))
    assert reported() == [("unlimited_key", "degraded")]


def test_rolled_back_change_leaves_no_incident(service: ConfigService) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        service.issue({"label": "x", "rate_limit": None})
        raise RuntimeError
    assert not Incident.objects.exists()
    assert not Event.objects.exists()


def fail(*_: object) -> None:
    raise RuntimeError("broken")


def invalid_query(*_: object) -> QuerySet[APIKey]:
    return APIKey.objects.annotate(broken=RawSQL("no_such_function(1)", ())).filter(broken=1)


def rejected_insert(*_: object) -> Statement:
    return Statement("INSERT INTO health_incident (guard_rail) VALUES ('no more than that')")


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("health.guard_rails.limits.UnlimitedKey.all_violating", invalid_query),
        ("health.guard_rails.limits.UnlimitedKey.violating_names", fail),
        ("health.guard_rails.limits.UnlimitedKey.violating_names", invalid_query),
        ("health.guard_rails.limits.UnlimitedKey.finding", fail),
        ("health.incident_changes.insert_statement", rejected_insert),
    ],
    ids=["ahead", "asked", "read", "evaluated", "written"],
)
def test_failing_guard_rail_loses_no_change(
    name: str, broken: object, service: ConfigService, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(name, broken)
        clear_templates()
        key_id = service.issue({"label": "x", "rate_limit": None}).key.key_id
    clear_templates()
    assert [event.type for event in Event.objects.all()] == ["KeyIssued"]
    sweep(GUARD_RAILS, now=datetime.now(UTC))
    assert reported() == [("unlimited_key", "degraded")]
    assert key_id in open_incidents()[0].detail


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("part", ["all_violating", "violating_names"])
def test_change_with_lost_connection_is_not_reported_as_made(
    part: str, service: ConfigService, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id = service.issue({"label": "x", "rate_limit": None}).key.key_id

    def lost(*_: object) -> None:
        raise OperationalError("the connection is lost")

    with monkeypatch.context() as patch, pytest.raises(DatabaseError):
        patch.setattr(f"health.guard_rails.limits.UnlimitedKey.{part}", invalid_query)
        clear_templates()
        patch.setattr(connection, "savepoint_rollback", lost)
        service.revoke(key_id)
    assert APIKey.objects.get(key_id=key_id).revoked_at is None


@pytest.mark.usefixtures("service")
def test_repeated_occurrence_is_another_incident(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were lost twice within a quarter of an hour are two incidents, each of them reported."""
    now, rail = datetime.now(UTC), RebuiltBucketStore()
    for happened in (now, now, now + timedelta(minutes=1)):
        finding = Finding(1, f"At {happened}.", happened)
        monkeypatch.setattr(RebuiltBucketStore, "find", lambda *_, finding=finding: finding)
        sweep([rail], now=happened + timedelta(seconds=5))
    name = rail.name
    assert reported() == [(name, "degraded"), (name, "ok"), (name, "degraded")]
    assert [incident.detail for incident in open_incidents()] == [finding.detail]


def test_failing_guard_rail_does_not_stop_the_sweep(service: ConfigService, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    service.issue({"label": "x", "expires_at": (now + 20 * DAY).isoformat()})

    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("health.guard_rails.limits.UnlimitedKey.finding", fail)
    sweep(GUARD_RAILS, now=now + 7 * DAY)
    assert reported() == [("expiring_key", "degraded")]


def test_expiry_events_are_appended_in_batches(service: ConfigService) -> None:
    now = datetime.now(UTC)
    for _ in range(5):
        service.issue({"label": "x", "expires_at": (now + DAY).isoformat()})
    later = ConfigService(Origin.of_system(), now=lambda: now + 2 * DAY)
    assert later.append_expiry_events(lambda: False) == 0
    assert later.append_expiry_events() == 5
    assert [event.type for event in Event.objects.order_by("-id")[:2]] == ["HealthChanged", "KeyExpired"]


def test_notice_does_not_degrade_health(service: ConfigService) -> None:
    service.issue({"label": "x"})
    (incident,) = open_incidents()
    assert (incident.guard_rail, incident.severity, incident.opened_by) == ("key_without_expiry", "notice", None)
    assert (degraded(), reported()) == ([], [])


def test_one_open_incident_per_guard_rail() -> None:
    row = {
        "guard_rail": "unlimited_key",
        "severity": "warning",
        "count": 1,
        "detail": "",
        "opened_at": datetime.now(UTC),
    }
    Incident.objects.create(**row, closed_at=datetime.now(UTC))
    Incident.objects.create(**row)
    with pytest.raises(IntegrityError), transaction.atomic():
        Incident.objects.create(**row)


def test_steward_opens_and_closes_incidents_over_time(service: ConfigService) -> None:
    now = datetime.now(UTC)
    key_id = service.issue({"label": "x", "expires_at": (now + 20 * DAY).isoformat()}).key.key_id
    run_tasks(now)
    assert reported() == []
    for _ in range(2):
        run_tasks(now + 7 * DAY)
    assert reported() == [("expiring_key", "degraded")]
    for _ in range(2):
        run_tasks(now + 21 * DAY)
    assert reported() == [("expiring_key", "degraded"), ("expiring_key", "ok")]
    expired = Event.objects.get(type=EventType.KEY_EXPIRED)
    assert (expired.key_id, expired.actor, expired.request_id) == (key_id, "system", "r-steward")
    later = ConfigService(Origin("command:test", "r"), now=lambda: now + 21 * DAY)
    later.update(key_id, {"expires_at": (now + 22 * DAY).isoformat()})
    run_tasks(now + 23 * DAY)
    assert Event.objects.filter(type=EventType.KEY_EXPIRED).count() == 2, "a moved expiry is reported again"


def test_waiver_silences_guard_rail_until_it_ends(service: ConfigService) -> None:
    now = datetime.now(UTC)
    key_id = service.issue({"label": "x", "rate_limit": None}).key.key_id
    waivers = Waivers(Origin("user:ada", "r-waiver"))
    values = {"guard_rail": "unlimited_key", "key_id": key_id, "reason": "load test"}
    waivers.grant({**values, "ends_at": (now + DAY).isoformat()})
    assert reported() == [("unlimited_key", "degraded"), ("unlimited_key", "ok")]
    granted, health = Event.objects.order_by("-id")[1], Event.objects.order_by("-id")[0]
    assert (granted.type, granted.actor, granted.key_id) == ("WaiverGranted", "user:ada", key_id)
    assert granted.data["reason"] == "load test"
    assert health.request_id == "r-waiver"
    run_tasks(now + DAY / 2)
    assert reported()[2:] == []
    for _ in range(2):
        run_tasks(now + DAY + timedelta(seconds=1))
    assert reported()[2:] == [("unlimited_key", "degraded")]
    ended = Event.objects.get(type=EventType.WAIVER_ENDED)
    assert (ended.actor, ended.data["because"], ended.key_id) == ("system", "time", key_id)
    waiver = Waiver.objects.get()
    assert (waiver.granted_by, waiver.ended_by) == ("user:ada", "system")


def test_waiver_for_all_keys_can_end_early(service: ConfigService) -> None:
    service.issue({"label": "x", "rate_limit": None})
    waivers = Waivers(Origin("user:ada", "r-waiver"))
    ends_at = (datetime.now(UTC) + DAY).isoformat()
    waiver = waivers.grant({"guard_rail": "unlimited_key", "reason": "x", "ends_at": ends_at})
    service.issue({"label": "another", "rate_limit": None})
    assert degraded() == []
    waivers.end(waiver.pk)
    assert degraded() == ["unlimited_key"]
    assert reported() == [("unlimited_key", "degraded"), ("unlimited_key", "ok"), ("unlimited_key", "degraded")]
