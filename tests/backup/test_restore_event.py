"""A restore leaves an event in the database that it restores, and health is degraded until an operator has seen it."""

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
from backup.loss_file import Earlier
from backup.losses import Losses
from backup.manifest import Manifest
from backup.restore_event import Trace
from backup.schema.sql import ask, ask_of
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
EARLIER = Earlier(Path("/data/a.losses.json"), ["lk_p8vion9qocop"], 9, 4)
OPERATOR = Origin("user:ada", "request-of-ada")


def trace(at: datetime = NOW, lost: Losses | None = LOST, *earlier: Earlier) -> Trace:
    manifest = Manifest(
        version="0.1.0", made_at="2030-01-30T12:00:00Z", database="sqlite", migrations={}, schema="", keys=1,
        last_event=7, digest="", peppers={}, generation=None, files={},
    )  # fmt: skip
    return Trace(Path("/data/backups/one"), manifest, lost, earlier, Origin.of_command("restore"), at)


def restored(at: datetime = NOW, lost: Losses | None = LOST, *earlier: Earlier) -> Event:
    """The event of a restore that was judged."""
    with transaction.atomic():
        event_id = trace(at, lost, *earlier).leave(ask)
    sweep([RAIL], now=at)
    return Event.objects.get(id=event_id)


def acknowledge(at: datetime) -> None:
    values = {"guard_rail": RAIL.name, "reason": "seen", "ends_at": (at + HOUR).isoformat()}
    Waivers(OPERATOR, now=lambda: at).grant(values)


def names() -> list[str]:
    return [incident.guard_rail for incident in open_incidents()]


@pytest.mark.django_db
def test_event_tells_who_what_and_what_is_undone() -> None:
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
    ("lost", "told"),
    [
        (
            LOST,
            "this undid 3 events, including 1 change, and revoked or disabled keys work again: lk_p8vion9qocop.",
        ),
        (Losses(known=False, events={}, changes=[]), "what this undid is unknown."),
        (None, "the database was empty before."),
    ],
)
def test_incident_tells_the_same(lost: Losses | None, told: str) -> None:
    restored(NOW, lost)
    (incident,) = open_incidents()
    head = "At 2030-01-31 12:00:00 UTC, the backup one of 2030-01-30T12:00:00Z was restored: "
    assert (incident.severity, incident.detail) == ("warning", head + told)


@pytest.mark.django_db
def test_names_that_are_not_utf_8_or_hold_a_secret_are_kept_as_text() -> None:
    secret = generate_secret()
    odd = Path(os.fsdecode(b"/data/\xff")), Path(f"/data/{secret}")
    for path in odd:
        told: Any = replace(trace(NOW, LOST, Earlier(path, [])), path=path).data()
        (earlier,) = told["earlier"]
        assert told["backup"] == earlier["file"]
        assert told["backup"] in ("\ufffd", "lks_[redacted]")


@pytest.mark.django_db
def test_restore_that_undid_the_trace_of_one_before_tells_of_both() -> None:
    restored(NOW, None, EARLIER, Earlier(Path("/data/b.losses.json"), []))
    (incident,) = open_incidents()
    assert "an earlier restore undid 9 events, including 4 changes" in incident.detail
    assert "an earlier restore undid an unknown number of changes (b.losses.json)." in incident.detail


@pytest.mark.django_db
def test_it_degrades_health_until_it_is_acknowledged_and_the_next_one_does_so_again() -> None:
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
def test_clock_of_the_restoring_host_has_no_say_in_what_is_acknowledged(behind: timedelta) -> None:
    acknowledge(NOW)
    restored(NOW - behind)
    assert names() == ["restored_backup"], "the waiver is of before the restore, whatever the clocks say"
    acknowledge(NOW + HOUR)
    Waivers(OPERATOR, now=lambda: NOW + 3 * HOUR).end_due()
    sweep([RAIL], now=NOW + 3 * HOUR)
    assert names() == []


@pytest.mark.django_db
def test_next_restore_is_an_incident_of_its_own() -> None:
    restored()
    restored(NOW + HOUR)
    assert names() == ["restored_backup"]
    assert Incident.objects.count() == 2


@pytest.mark.django_db
def test_it_stays_when_its_event_is_pruned() -> None:
    restored()
    Event.objects.all()._raw_delete("default")
    sweep([RAIL], now=NOW + HOUR)
    assert names() == ["restored_backup"]
    acknowledge(NOW + 2 * HOUR)
    assert names() == []


def test_copy_of_a_new_database_takes_it(tmp_path: Path) -> None:
    """The file that is not yet the database of the settings, and whose log has no event yet."""
    shutil.copy(migrated_file(), tmp_path / "copy")
    with closing(sqlite3.connect(tmp_path / "copy")) as connection:
        assert trace().leave(ask_of(connection)) == 1
        assert connection.execute("SELECT last_id FROM events_chainhead").fetchall() == [(1,)]
