"""Tables of a copy: compared with the manifest (SQLite) or with the migrations (PostgreSQL)."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backup import restore
from backup.database_facts import Facts
from backup.errors import BackupFailed, BackupRefused
from backup.manifest import Manifest
from backup.restore_event import RestoreEvent
from backup.restore_progress import RestoreProgress
from backup.schema.expected import expected_digest
from backup.schema.migration_files import own_migrations
from backup.schema.sql import run_sql
from events.origin import Origin

OTHER, EXPECTED = "0" * 64, expected_digest("postgresql")
MANIFEST = Manifest("0.1.0", "2030-01-30T12:00:00Z", "postgresql", own_migrations(), OTHER, 1, 0, "", {}, None, {})
# Whether the keys of the copy are those of the manifest is looked at right after the tables.
TABLES_PASS = "do not match its manifest"


@pytest.mark.parametrize(
    ("manifest", "schema", "message"),
    [
        (MANIFEST, EXPECTED, TABLES_PASS),
        (MANIFEST, OTHER, "The new tables differ from those of this version: it differs"),
        (replace(MANIFEST, migrations={}), OTHER, TABLES_PASS),
        (replace(MANIFEST, database="sqlite"), OTHER, TABLES_PASS),
        (replace(MANIFEST, database="sqlite"), EXPECTED, "The backup's tables differ from those"),
        (replace(MANIFEST, database="sqlite", schema=""), OTHER, TABLES_PASS),
    ],
)
def test_tables_are_checked(monkeypatch: pytest.MonkeyPatch, manifest: Manifest, schema: str, message: str) -> None:
    facts = Facts(tuple(manifest.migrations), schema, 0, 0, "", ())
    monkeypatch.setattr(restore, "read_facts", lambda _: facts)
    monkeypatch.setattr(restore, "difference", lambda *_: "it differs")
    event = RestoreEvent(
        Path("/one"), manifest, None, [], Origin.of_command("restore"), datetime(2030, 1, 31, tzinfo=UTC)
    )
    with pytest.raises((BackupFailed, BackupRefused), match=message):
        restore._finalize(event, RestoreProgress(), run_sql)
