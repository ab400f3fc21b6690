"""Schema check before the start: `serve` rejects a database of another version with one line."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.backup.installation import Installation

NEWER = "INSERT INTO django_migrations (app, name, applied) VALUES ('{}', '9999_more', '2026-01-01')"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (NEWER.format("health"), "was migrated by a newer Latchkey: 0.1.0 does not have health.9999_more. Start that"),
        ("DELETE FROM django_migrations WHERE app = 'console'", "has unapplied migrations. Run: manage.py migrate"),
        (
            "ALTER TABLE apikeys_usagemark DROP COLUMN used_0_at",
            "tables differ from those of Latchkey 0.1.0: column apikeys_usagemark.used_0_at datetime missing."
            " Undo any manual change, start the version that created the database, or restore a backup that this version"
            " accepts.",
        ),
    ],
)
def test_other_schema_is_an_error(tmp_path: Path, change: str, message: str) -> None:
    installed = Installation(tmp_path)
    installed.migrate()
    with closing(sqlite3.connect(tmp_path / "latchkey.sqlite3")) as connection:
        connection.create_function("REGEXP", 2, lambda *_: True, deterministic=True)
        connection.execute(change)
        connection.commit()
    status, said = installed.refused("serve", "--bind", f"127.0.0.1:{installed.port}")
    assert (status, said.count("\n")) == (2, 1)
    assert message in said
