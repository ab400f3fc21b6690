"""Backup manifest: detects damage, and names the schema before anything is changed."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from backup import postgresql, sqlite
from backup.database_facts import Facts
from backup.errors import BackupRefused
from backup.files import file_checksum
from backup.manifest import DATABASE_FILES, Manifest, parse_manifest
from backup.restore_check import check_backup
from backup.schema.expected import expected_digest
from backup.schema.migration_files import own_migrations
from backup.take import take_backup
from tests.backup.installation import change_manifest


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A backup of this version, whose copy is not looked into."""
    copy = tmp_path / DATABASE_FILES[connection.vendor]
    copy.write_text("rows")
    Manifest(
        version="9.9.9",
        made_at="2026-11-21T12:29:05Z",
        database=connection.vendor,
        migrations={**own_migrations(), "auth.0001_initial": ""},
        schema=expected_digest(connection.vendor),
        keys=2,
        last_event=2,
        digest="0" * 64,
        peppers={},
        generation=None,
        files={copy.name: file_checksum(copy)},
    ).write(tmp_path)
    return tmp_path


def refusal(backup: Path) -> str:
    with pytest.raises(BackupRefused) as refused:
        check_backup(backup, other_peppers=False, other_schema=False)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_flipped_bit_is_damage(backup: Path) -> None:
    path = backup / "manifest.json"
    content = path.read_bytes()
    assert parse_manifest(content, path).version == "9.9.9"
    for place in range(len(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[place] ^= 1 << bit
            with pytest.raises(BackupRefused, match="is damaged"):
                parse_manifest(bytes(flipped), path)


def test_newer_format_is_not_damage(backup: Path) -> None:
    change_manifest(backup, format=3, unheard="of")
    assert "was written by a newer Latchkey (9.9.9). Restore with that version." in refusal(backup)


def as_first_format(backup: Path, **changes: Any) -> None:
    members = json.loads((backup / "manifest.json").read_text())
    del members["sha256"], members["schema"]
    members |= {"format": 1, "migrations": list(members["migrations"]), **changes}
    (backup / "manifest.json").write_text(json.dumps(members))


def test_format_1_is_read(backup: Path) -> None:
    as_first_format(backup)
    manifest = check_backup(backup, other_peppers=False, other_schema=False)
    assert (manifest.schema, set(manifest.migrations.values())) == ("", {""})
    as_first_format_again = json.loads((backup / "manifest.json").read_text())
    (backup / "manifest.json").write_text(json.dumps({**as_first_format_again, "format": 3}))
    assert "is damaged" in refusal(backup), "a later format has a digest"


def test_older_schema_is_accepted(backup: Path) -> None:
    known = json.loads((backup / "manifest.json").read_text())["migrations"]
    del known["apikeys.0005_key_by_owner_and_label"]
    change_manifest(backup, migrations=known, schema="0" * 64)
    assert (
        "apikeys.0005_key_by_owner_and_label"
        not in check_backup(backup, other_peppers=False, other_schema=False).migrations
    )


def test_newer_schema_is_rejected(backup: Path) -> None:
    known = json.loads((backup / "manifest.json").read_text())["migrations"]
    change_manifest(backup, migrations={**known, "apikeys.9999_newer": "0" * 64})
    message = refusal(backup)
    assert "made by another Latchkey (9.9.9)" in message
    assert "does not have, for example apikeys.9999_newer. Restore with that version." in message


def test_changed_migration_is_rejected(backup: Path) -> None:
    known = json.loads((backup / "manifest.json").read_text())["migrations"]
    change_manifest(backup, migrations={**known, "apikeys.0001_initial": "0" * 64})
    assert "its migration apikeys.0001_initial differs from the one in this version" in refusal(backup)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="a copy of SQLite has its tables in it")
def test_other_tables_need_other_schema_option(backup: Path) -> None:
    change_manifest(backup, schema="0" * 64)
    message = refusal(backup)
    assert "The backup's tables differ from those of this version" in message
    assert "If that is this version, restore with --other-schema" in message
    assert check_backup(backup, other_peppers=False, other_schema=True).schema == "", "nothing is compared with it"


@pytest.mark.skipif(connection.vendor != "postgresql", reason="the migrations make the tables")
def test_postgresql_ignores_tables_of_backup(backup: Path) -> None:
    change_manifest(backup, schema="0" * 64)
    assert check_backup(backup, other_peppers=False, other_schema=False).schema == "0" * 64


@pytest.mark.needs("postgresql")
@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL alone has schemas")
@pytest.mark.django_db(transaction=True)
def test_hidden_tables_are_an_error(tmp_path: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA of_user; SET search_path TO of_user, public")
        try:
            with pytest.raises(BackupRefused, match="not in the schema of_user, the first one in search_path"):
                postgresql.copy_database(tmp_path / "database.zip")
        finally:
            cursor.execute("RESET search_path; DROP SCHEMA of_user")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "schema"), [([], "1" * 64), (["apikeys.9999_newer"], ""), (["newer.0001_initial"], "")]
)
def test_newer_database_has_no_schema_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str], schema: str
) -> None:
    """The version that takes it sees no tables of apps that it lacks, and the newer one does."""
    facts = Facts((*own_migrations(), *more), "1" * 64, 0, 0, "", ())
    monkeypatch.setattr(sqlite, "copy_database", lambda *_: facts)
    monkeypatch.setattr(postgresql, "copy_database", lambda *_: facts)
    assert take_backup(tmp_path / "backup").schema == schema
