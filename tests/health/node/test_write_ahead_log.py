"""Write-ahead log of SQLite: truncated without waiting, and reported if a reader keeps it large."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections
from django.db.backends.sqlite3.base import DatabaseWrapper
from pytest_django import DjangoDbBlocker

from health.guard_rails.database import GrowingLog
from health.node import write_ahead_log
from tests.health.guard_rails.findings import NOW


@pytest.fixture
def database(
    django_db_blocker: DjangoDbBlocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DatabaseWrapper]:
    """Return a database whose log has some pages."""
    settings = connections.settings["default"] | {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(tmp_path / "db"),
        "OPTIONS": {"timeout": 3, "init_command": "PRAGMA journal_mode=WAL"},
    }
    wrapper = DatabaseWrapper(settings, "own")
    wrapper.inc_thread_sharing()
    monkeypatch.setattr(write_ahead_log, "connection", wrapper)
    with django_db_blocker.unblock():
        with wrapper.cursor() as cursor:
            cursor.execute("CREATE TABLE t (x)")
            cursor.execute("INSERT INTO t VALUES (1)")
        yield wrapper
        wrapper.close()


def size() -> int:
    return write_ahead_log.size_bytes()


def test_truncate_empties_the_log(database: DatabaseWrapper) -> None:
    assert size() > 0
    write_ahead_log.truncate()
    assert size() == 0
    write_ahead_log.truncate()
    with database.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone() == (3000,)


def test_truncate_does_not_wait_for_a_reader(database: DatabaseWrapper, tmp_path: Path) -> None:
    reader = sqlite3.connect(tmp_path / "db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM t").fetchall()
    with database.cursor() as cursor:
        cursor.execute("INSERT INTO t VALUES (2)")
    write_ahead_log.truncate()
    assert size() > 0
    reader.execute("COMMIT")
    write_ahead_log.truncate()
    assert size() == 0
    reader.close()


def test_large_log_violates_guard_rail(database: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch) -> None:
    assert GrowingLog().find(NOW) is None
    monkeypatch.setattr(write_ahead_log, "LARGE_BYTES", size())
    assert GrowingLog().find(NOW) is not None


def test_missing_log_has_size_zero(database: DatabaseWrapper, tmp_path: Path) -> None:
    database.close()
    assert not (tmp_path / "db-wal").exists()
    assert size() == 0
    write_ahead_log.truncate()
