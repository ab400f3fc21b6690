"""The newest good backup: which command records it, and what Prometheus gets."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.utils import timezone

from backup.management.commands import backup
from backup.manifest import Manifest
from backup.schema.expected import expected_digest
from backup.schema.migration_files import own_migrations
from health.last_backup import last_backup, record_backup
from health.metrics import exposition
from latchkey.timestamps import rfc3339

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
MANIFEST = Manifest("0.1.0", rfc3339(NOON), "sqlite", {}, "", 0, 0, "", {}, None, {})


def metric() -> float:
    """Return the value that a scrape gets."""
    (line,) = [line for line in exposition().decode().splitlines() if line.startswith("backup_last_success_t")]
    return float(line.split()[1])


def test_no_backup_is_known() -> None:
    assert (last_backup(), metric()) == (None, 0)


def test_newest_backup_counts() -> None:
    for made_at in (NOON, NOON + timedelta(hours=1), NOON - timedelta(hours=1)):
        record_backup(made_at)
    assert metric() == (NOON + timedelta(hours=1)).timestamp()


def test_future_time_is_replaced() -> None:
    record_backup(timezone.now() + timedelta(days=365))
    record_backup(NOON)
    assert last_backup() == NOON


def test_backup_records_the_time_of_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "take_backup", lambda _: MANIFEST)
    call_command("backup", "/tmp/one", format="json")
    assert last_backup() == NOON


def test_path_that_is_not_utf_8_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(backup, "take_backup", lambda _: MANIFEST)
    for output in ("json", "table"):
        call_command("backup", os.fsdecode(b"/tmp/\xff"), format=output)
        assert "/tmp/\ufffd" in capsys.readouterr().out


def test_backup_with_other_tables_is_not_recorded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise the alert would trust a backup that `restore` refuses."""
    made_by_all = replace(MANIFEST, database=connection.vendor, migrations=own_migrations(), schema="0" * 64)
    monkeypatch.setattr(backup, "take_backup", lambda _: made_by_all)
    monkeypatch.setattr(backup, "difference", lambda *_: "unique index one extra")
    with pytest.raises(CommandError, match=r"unique index one extra\. Undo .* restore --other-schema\.") as spoiled:
        call_command("backup", "/tmp/one", format="json")
    assert (spoiled.value.returncode, last_backup()) == (3, None)
    assert '"path": "/tmp/one"' in capsys.readouterr().out
    for good in (replace(made_by_all, schema=expected_digest(connection.vendor)), MANIFEST):
        monkeypatch.setattr(backup, "take_backup", lambda _, good=good: good)
        call_command("backup", "/tmp/one", format="json")
        assert last_backup() == NOON


def test_backup_of_a_read_only_database_is_good(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: datetime) -> None:
        raise DatabaseError("cannot execute INSERT in a read-only transaction\nCONTEXT: more")

    monkeypatch.setattr(backup, "take_backup", lambda _: MANIFEST)
    monkeypatch.setattr(backup, "record_backup", refuse)
    call_command("backup", "/tmp/one", format="json")
    written = capsys.readouterr()
    assert '"made_at": "2026-11-28T12:00:00Z"' in written.out
    assert "The backup is good, but" in written.err
    assert written.err.count("\n") == 1


def test_record_backup_command(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("record_backup", "--made-at", "2026-11-28T12:00:00Z", "--format", "json")
    assert (last_backup(), capsys.readouterr().out) == (NOON, '{\n  "last_backup": "2026-11-28T12:00:00Z"\n}\n')
    before = timezone.now()
    call_command("record_backup")
    newest = last_backup()
    assert newest is not None
    assert newest >= before


@pytest.mark.parametrize("value", ["yesterday", "2999-01-01T00:00:00Z"])
def test_record_backup_rejects_invalid_and_future_times(value: str) -> None:
    with pytest.raises(CommandError):
        call_command("record_backup", "--made-at", value)
    assert last_backup() is None
