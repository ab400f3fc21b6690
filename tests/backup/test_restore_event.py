"""Restore event in the restored database, and degraded health until an operator acknowledges it."""

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from apikeys.peppers import configured_peppers
from backup.loss_file import EarlierRestore
from backup.losses import Losses
from backup.manifest import Manifest
from backup.restore_event import RestoreEvent
from backup.schema.sql import run_sql, sql_runner
from events.chain_verification import Break
from events.models import Event
from events.origin import Origin
from events.types import EventType
from events.verification import verify
from health.guard_rails import BY_NAME
from health.incidents import open_incidents, sweep
from health.models import Incident, Waiver
from health.waivers import Waivers
from latchkey.credentials import generate_secret
from tests.support.migrated import migrated_file

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
RAIL = BY_NAME["restored_backup"]
REVOKED = {"about": "lk_p8vion9qocop", "afterwards": "works again"}
LOST = Losses(known=True, events={"KeyRevoked": 1, "HealthChanged": 2}, changes=[REVOKED])
EARLIER = EarlierRestore(Path("/data/a.losses.json"), ["lk_p8vion9qocop"], 9, 4)
OPERATOR = Origin("user:ada", "request-of-ada")


def restore_event(at: datetime = NOW, lost: Losses | None = LOST, *earlier: EarlierRestore) -> RestoreEvent:
    manifest = Manifest(
        version="0.1.0", made_at="2030-01-30T12:00:00Z", database="sqlite", migrations={}, schema="", keys=1,
        last_event=7, digest="", peppers={}, generation=None, files={},
    )  # fmt: skip
    return RestoreEvent(Path("/data/backups/one"), manifest, lost, earlier, Origin.of_command("restore"), at)


def restored(at: datetime = NOW, lost: Losses | None = LOST, *earlier: EarlierRestore) -> Event:
    """Return the event of a restore whose guard rails were evaluated."""
    with transaction.atomic():
        event_id = restore_event(at, lost, *earlier).append(run_sql)
    sweep([RAIL], now=at)
    return Event.objects.get(id=event_id)


def acknowledge(at: datetime) -> None:
    values = {"guard_rail": RAIL.name, "reason": "seen", "ends_at": (at + HOUR).isoformat()}
    Waivers(OPERATOR, now=lambda: at).grant(values)


def names() -> list[str]:
    return [incident.guard_rail for incident in open_incidents()]


@pytest.mark.django_db
def test_event_data() -> None:
    first = restored(NOW - HOUR)
    event = restored(NOW, LOST, EARLIER)
    assert event.id > first.id
    assert (event.type, event.actor, event.at, event.key_id) == ("BackupRestored", "command:restore", NOW, "")
    by = event.data.pop("by")
    assert event.data == {
        "backup": "one",
        "made_at": "2030-01-30T12:00:00Z",
        "version": "0.1.0",
        "last_event": 7,
        "by": by,
        "lost": {"known": True, "events": 3, "changes": 1, "work_again": ["lk_p8vion9qocop"]},
        "earlier": [{"file": "a.losses.json", "events": 9, "changes": 4, "work_again": ["lk_p8vion9qocop"]}],
    }
    assert by
    assert [found for found in verify(configured_peppers()) if isinstance(found, Break)] == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("lost", "message"),
    [
        (
            LOST,
            "this undid 3 events, including 1 change, and revoked or disabled keys work again: lk_p8vion9qocop.",
        ),
        (Losses(known=False, events={}, changes=[]), "what this undid is unknown."),
        (None, "the database was empty before."),
    ],
)
def test_incident_matches_event(lost: Losses | None, message: str) -> None:
    restored(NOW, lost)
    (incident,) = open_incidents()
    head = "At 2030-01-31 12:00:00 UTC, the backup one of 2030-01-30T12:00:00Z was restored: "
    assert (incident.severity, incident.detail) == ("warning", head + message)


@pytest.mark.django_db
def test_odd_file_names_are_kept_as_text() -> None:
    secret = generate_secret()
    odd = Path(os.fsdecode(b"/data/\xff")), Path(f"/data/{secret}")
    for path in odd:
        data: Any = replace(restore_event(NOW, LOST, EarlierRestore(path, [])), path=path).data()
        (earlier,) = data["earlier"]
        assert data["backup"] == earlier["file"]
        assert data["backup"] in ("\ufffd", "lks_[redacted]")


@pytest.mark.django_db
def test_event_includes_earlier_restore() -> None:
    restored(NOW, None, EARLIER, EarlierRestore(Path("/data/b.losses.json"), []))
    (incident,) = open_incidents()
    assert "an earlier restore undid 9 events, including 4 changes" in incident.detail
    assert "an earlier restore undid an unknown number of changes (b.losses.json)." in incident.detail


@pytest.mark.django_db
def test_health_is_degraded_until_acknowledged() -> None:
    restored()
    sweep([RAIL], now=NOW + 400 * 24 * HOUR)
    assert names() == ["restored_backup"], "time does not end it"
    acknowledge(NOW + HOUR)
    assert names() == []
    sweep([RAIL], now=NOW + 3 * HOUR)
    Waivers(OPERATOR, now=lambda: NOW + 3 * HOUR).end_due()
    assert names() == [], "once acknowledged, it is so for good"

    acknowledge(NOW + 4 * HOUR)
    restored(NOW + 4.5 * HOUR)
    assert names() == ["restored_backup"], "the waiver was about another restore"
    ended = Event.objects.filter(type=EventType.WAIVER_ENDED).latest("id")
    assert (ended.actor, ended.data["because"], ended.data["reason"]) == ("command:restore", "restore", "seen")
    assert not Waiver.objects.in_force(NOW + 4.5 * HOUR).exists()
    acknowledge(NOW + 4.6 * HOUR)
    assert names() == []
    assert [found for found in verify(configured_peppers()) if isinstance(found, Break)] == []


@pytest.mark.django_db
@pytest.mark.parametrize("behind", [-2 * HOUR, 2 * HOUR])
def test_acknowledgement_is_independent_of_clock(behind: timedelta) -> None:
    acknowledge(NOW)
    restored(NOW - behind)
    assert names() == ["restored_backup"], "the waiver is of before the restore, whatever the clocks say"
    acknowledge(NOW + HOUR)
    Waivers(OPERATOR, now=lambda: NOW + 3 * HOUR).end_due()
    sweep([RAIL], now=NOW + 3 * HOUR)
    assert names() == []


@pytest.mark.django_db
def test_each_restore_opens_an_incident() -> None:
    restored()
    restored(NOW + HOUR)
    assert names() == ["restored_backup"]
    assert Incident.objects.count() == 2


@pytest.mark.django_db
def test_incident_survives_pruning() -> None:
    restored()
    Event.objects.all()._raw_delete("default")
    sweep([RAIL], now=NOW + HOUR)
    assert names() == ["restored_backup"]
    acknowledge(NOW + 2 * HOUR)
    assert names() == []


def test_event_in_new_database(tmp_path: Path) -> None:
    """The file that is not yet the database of the settings, and whose log has no event yet."""
    shutil.copy(migrated_file(), tmp_path / "copy")
    with closing(sqlite3.connect(tmp_path / "copy")) as connection:
        assert restore_event().append(sql_runner(connection)) == 1
        assert connection.execute("SELECT last_id FROM events_chainhead").fetchall() == [(1,)]
