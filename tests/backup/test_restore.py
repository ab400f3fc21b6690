"""Restores that are rejected, and then change nothing."""

import fcntl
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backup.conftest import Install
from tests.backup.installation import DATABASES, Installation, change_manifest, damage
from tests.support.commands import MANAGE

pytestmark = pytest.mark.slow("runs many commands of backup and restore")


@pytest.fixture
def backup(installed: Installation, tmp_path: Path) -> Path:
    """A backup of an installation with one key."""
    installed.new_key()
    installed.manage("backup", str(tmp_path / "backup"))
    return tmp_path / "backup"


@pytest.fixture
def elsewhere(install: Install, backup: Path) -> Installation:
    """A new installation, with the peppers of the backup."""
    return install("elsewhere", migrated=False)


@pytest.mark.parametrize("name", ["database.sqlite3", "manifest.json"])
def test_damaged_file(elsewhere: Installation, backup: Path, name: str) -> None:
    if name == "manifest.json":
        (backup / name).write_text("{")
    else:
        damage(backup / name)
    status, message = elsewhere.refused("restore", str(backup))
    assert (status, message.count("\n"), "Take another backup" in message) == (2, 1, True)
    assert not (elsewhere.data_dir / "latchkey.sqlite3").exists()


def test_missing_file(elsewhere: Installation, backup: Path) -> None:
    (backup / "database.sqlite3").unlink()
    assert elsewhere.refused("restore", str(backup))[0] == 2
    assert elsewhere.refused("restore", str(backup / "no"))[0] == 2


def test_links_are_not_followed(elsewhere: Installation, backup: Path) -> None:
    (backup / "database.sqlite3").rename(backup.parent / "away")
    (backup / "database.sqlite3").symlink_to(backup.parent / "away")
    assert elsewhere.refused("restore", str(backup))[0] == 2


def test_paths_outside_backup_are_rejected(elsewhere: Installation, backup: Path) -> None:
    change_manifest(backup, files={"../../etc/passwd": {"size": 1, "sha256": ""}})
    assert elsewhere.refused("restore", str(backup))[0] == 2


def test_newer_format(elsewhere: Installation, backup: Path) -> None:
    change_manifest(backup, format=3, version="9.9.9", unheard="of")
    status, message = elsewhere.refused("restore", str(backup))
    assert (status, message.count("\n")) == (2, 1)
    assert "written by a newer Latchkey (9.9.9). Restore with that version." in message


def test_newer_migrations(elsewhere: Installation, backup: Path) -> None:
    known = json.loads((backup / "manifest.json").read_text())["migrations"]
    change_manifest(backup, migrations={**known, "apikeys.9999_newer": "0" * 64}, version="9.9.9")
    status, message = elsewhere.refused("restore", str(backup))
    assert (status, "apikeys.9999_newer" in message, "9.9.9" in message) == (2, True, True)


def test_other_peppers(elsewhere: Installation, backup: Path) -> None:
    for peppers in ("p1:" + "cd" * 32, "p2:" + "ab" * 32):
        other = {"SECRET_PEPPERS": peppers}
        status, message = elsewhere.refused("restore", str(backup), environment=other)
        assert (status, "p1" in message, "abab" in message, "cdcd" in message) == (2, True, False, False)
    assert elsewhere.manage("restore", str(backup), "--other-peppers", environment=other).returncode == 0


def test_another_database(elsewhere: Installation, backup: Path) -> None:
    other = {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"}
    status, message = elsewhere.refused("restore", str(backup), environment=other)
    assert (status, "is of sqlite" in message) == (2, True)


def test_check_changes_nothing(installed: Installation, elsewhere: Installation, backup: Path) -> None:
    before = sorted(elsewhere.data_dir.iterdir())
    assert elsewhere.run_json("restore", str(backup), "--check")["lost"] is None
    assert sorted(elsewhere.data_dir.iterdir()) == before
    message = installed.manage("restore", str(backup), "--check").stdout
    assert "Nothing would be lost" in message


def test_another_log_is_not_compared(install: Install, backup: Path) -> None:
    stranger = install("stranger")
    stranger.new_key()
    message = stranger.manage("restore", str(backup), "--check").stdout
    assert "does not continue the backup's" in message


@pytest.fixture
def held(installed: Installation) -> Iterator[Path]:
    """The SQLite file, on which another process works."""
    file = installed.data_dir / "latchkey.sqlite3.serving.lock"
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield file.with_name("latchkey.sqlite3")


def test_server_and_restore_exclude_each_other(held: Path, installed: Installation, backup: Path) -> None:
    status, message = installed.refused("restore", str(backup), "--replace")
    assert (status, message) == (
        2,
        f"CommandError: A server or another restore is using {held.parent}. Stop it first.\n",
    )
    status, message = installed.refused("serve")
    assert (status, message.count("\n"), str(held.parent) in message) == (2, 1, True)


def test_same_file_in_other_data_dir(held: Path, install: Install, backup: Path) -> None:
    other = install("other", migrated=False, DATABASE_URL=f"sqlite:///{held}")
    assert other.refused("restore", str(backup), "--replace")[0] == 2
    assert other.refused("serve")[0] == 2


def test_same_data_dir_with_other_file(installed: Installation, backup: Path) -> None:
    with (installed.data_dir / "serving.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        environment = {"DATABASE_URL": f"sqlite:///{installed.data_dir}/other.sqlite3"}
        assert installed.refused("restore", str(backup), environment=environment)[0] == 2


def test_system_keys_are_not_reported(installed: Installation, backup: Path) -> None:
    program = (
        "from apikeys.config_service import ConfigService as C; from apikeys.system_keys import replace_system_key as r;"
        "from events.origin import Origin as O;"
        "[r(C(O('command:serve', 'r')), label='check', scopes=['health:read']) for _ in 'ab']"
    )
    installed.manage("shell", "-v0", "-c", program)
    lost = installed.run_json("restore", str(backup), "--check")["lost"]
    assert (lost["events"], lost["changes"]) == ({"KeyIssued": 2, "KeyRevoked": 1}, [])


@pytest.mark.parametrize("database", DATABASES)
def test_running_steward_blocks_restore(install: Install, tmp_path: Path, database: str) -> None:
    installed = install("working", database)
    installed.manage("backup", str(tmp_path / "of-working"))
    held = "from health.models import Lease; print(Lease.objects.exclude(holder='').count())"
    with subprocess.Popen([sys.executable, MANAGE, "steward"], env=installed.environment) as steward:
        while installed.manage("shell", "-v0", "-c", held).stdout != "1\n":
            assert steward.poll() is None
        status, message = installed.refused("restore", str(tmp_path / "of-working"), "--replace")
        steward.terminate()
    assert status == 2
    assert "A steward is using" in message or "other connection" in message


@pytest.mark.parametrize("database", DATABASES)
def test_restore_removes_newer_schema(install: Install, tmp_path: Path, database: str) -> None:
    """What a newer version has made is gone: its tables, and the migrations that the older one does not know."""
    installed = install("upgraded", database)
    key = installed.new_key()
    installed.manage("backup", str(tmp_path / "of-old"))
    newer = (
        "from django.db import connection as c; d = c.cursor(); d.execute('CREATE TABLE newer (id integer)');"
        "d.execute(\"INSERT INTO django_migrations (app, name, applied) VALUES ('apikeys', '9999', '2026-01-01')\")"
    )
    installed.manage("shell", "-v0", "-c", newer)
    installed.manage("restore", str(tmp_path / "of-old"), "--replace")
    left = "from django.db import connection as c; print('newer' in c.introspection.table_names())"
    assert installed.manage("shell", "-v0", "-c", left).stdout == "False\n"
    assert "9999" not in installed.manage("showmigrations", "apikeys").stdout
    assert installed.run_json("show_key", key["key_id"])["state"] == "active"


@pytest.mark.parametrize("database", DATABASES)
def test_backup_of_an_older_version(install: Install, tmp_path: Path, database: str) -> None:
    """It is restored, and the migrations that it lacks are asked for."""
    older, path = install("older", database), str(tmp_path / "of-older")
    older.manage("migrate", "-v0", "axes", "0009")
    older.manage("backup", path)
    other = install("newer", database, migrated=False)
    assert other.run_json("restore", path)["pending_migrations"] is True
    other.manage("migrate", "-v0")
    assert other.run_json("verify_event_log")["holds"]
