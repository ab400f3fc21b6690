"""PostgreSQL backups: every row is restored, or nothing changes."""

import json
import subprocess
import zipfile
from functools import partial
from pathlib import Path

import psycopg
import pytest
from django.db.migrations.loader import MigrationLoader

from backup.files import file_checksum
from tests.backup.conftest import Install
from tests.backup.installation import change_manifest

pytestmark = pytest.mark.slow("runs many commands of backup and restore")


# A restore appends an event to the log, and opens an incident.
CHANGED = {"events_event.copy", "events_chainhead.copy", "health_incident.copy", "tables.json"}


def contents(backup: Path) -> dict[str, bytes]:
    """Of each table and sequence, but for the time of migrations."""
    with zipfile.ZipFile(backup / "database.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.needs("postgresql")
def test_every_row_is_restored(install: Install, tmp_path: Path) -> None:
    """And every trigger; an index that was made by hand does not. Numbers that were given are not given again."""
    installed = install("pg", "postgresql", GUARD_RAIL_MAX_BURST="10")
    odd = 'tab\t, "quote", \\N, back\\slash, \nline, \u00fc\u20ac\U0001f511'
    installed.new_key("--owner", "o", "--burst", "100", "--per-seconds", "1")
    program = (
        "from apikeys.models import APIKey as K; from django.contrib.auth.models import User as U;"
        "U.objects.create_superuser('ada', password='x' * 14); k = K.objects.get();"
        f"k.metadata = {{'odd': {odd!r}}}; k.save()"
    )
    installed.manage("shell", "-v0", "-c", program)
    with psycopg.connect(installed.settings["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("CREATE UNIQUE INDEX of_mine ON apikeys_keysecret (id, slot)")
        status, message = installed.refused("backup", str(tmp_path / "one"))
        assert (status, "unique index of_mine" in message) == (3, True)
        connection.execute("DROP INDEX of_mine")
    other = install("other", "postgresql", migrated=False)
    other.manage("restore", str(tmp_path / "one"))
    other.manage("backup", str(tmp_path / "two"))
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert {name for name in one | two if one.get(name) != two.get(name)} == CHANGED
    assert two["events_event.copy"].startswith(one["events_event.copy"]), "the restore's own event comes after them"
    urls = [server.settings["DATABASE_URL"] for server in (installed, other)]
    schemas = [
        subprocess.run(["pg_dump", "--schema-only", url], capture_output=True, text=True, check=True).stdout
        for url in urls
    ]
    dumped = [[line for line in schema.splitlines() if not line.startswith(("\\", "--"))] for schema in schemas]
    assert dumped[0] == dumped[1]


@pytest.mark.needs("postgresql")
def test_damaged_archive_changes_nothing(install: Install, tmp_path: Path) -> None:
    """One that is cut short, or lacks rows, under a manifest that does not say so, leaves the database as it was."""
    installed = install("pg", "postgresql")
    key = installed.new_key()
    installed.manage("backup", str(tmp_path / "pg-backup"))
    file = tmp_path / "pg-backup" / "database.zip"
    whole = contents(tmp_path / "pg-backup")
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in whole.items():
            archive.writestr(name, b"" if name == "auth_permission.copy" else content)
    short = file.read_bytes()
    for content in (short, short[: len(short) * 3 // 4]):
        file.write_bytes(content)
        found = file_checksum(file)
        files = json.loads((tmp_path / "pg-backup" / "manifest.json").read_text())["files"]
        files["database.zip"] = {"size": found.size, "sha256": found.sha256}
        change_manifest(tmp_path / "pg-backup", files=files)
        status, message = installed.refused("restore", str(tmp_path / "pg-backup"), "--replace")
        assert (status, message.count("\n")) == (3, 1)
    assert installed.run_json("show_key", key["key_id"])["state"] == "active"


@pytest.mark.needs("postgresql")
def test_dump_is_restored_by_a_backup_of_it(install: Install, tmp_path: Path) -> None:
    """As the guide says: pg_dump, pg_restore into an empty database, and a backup of that one."""
    installed, scratch = install("pg", "postgresql"), install("scratch", "postgresql", migrated=False)
    key, dump, backup = installed.new_key(), tmp_path / "latchkey.dump", tmp_path / "from-dump"
    run = partial(subprocess.run, check=True, capture_output=True)
    run(["pg_dump", "--format=custom", f"--file={dump}", installed.settings["DATABASE_URL"]])
    installed.manage("revoke_key", key["key_id"], "--yes")
    target = f"--dbname={scratch.settings['DATABASE_URL']}"
    run(["pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", target, str(dump)])
    scratch.manage("backup", str(backup))
    checked = installed.run_json("restore", str(backup), "--check")
    assert [(lost["about"], lost["afterwards"]) for lost in checked["lost"]["changes"]] == [
        (key["key_id"], "works again")
    ]
    installed.manage("restore", str(backup), "--replace")
    assert installed.run_json("show_key", key["key_id"])["state"] == "active"
    assert "event log is intact" in installed.manage("verify_event_log").stdout


def test_migrations_are_atomic() -> None:
    """A restore runs them within its transaction."""
    loader = MigrationLoader(None)
    assert [str(name) for name, migration in loader.disk_migrations.items() if not migration.atomic] == []
