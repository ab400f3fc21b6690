"""SQLite's write-ahead log, in a file of its own: emptied without waiting, and told of where a reader keeps it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections
from django.db.backends.sqlite3.base import DatabaseWrapper
from pytest_django import DjangoDbBlocker

from health.guard_rails.database import GrowingLog
from health.node import write_ahead_log
from tests.health.test_guard_rails import NOW


@pytest.fixture
def database(
    django_db_blocker: DjangoDbBlocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DatabaseWrapper]:
    """A database with a log that has some pages."""
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


def test_log_is_emptied(database: DatabaseWrapper) -> None:
    assert size() > 0
    write_ahead_log.shorten()
    assert size() == 0
    write_ahead_log.shorten()
    with database.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone() == (3000,)


def test_log_that_somebody_reads_stays_and_nobody_waits(database: DatabaseWrapper, tmp_path: Path) -> None:
    reader = sqlite3.connect(tmp_path / "db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM t").fetchall()
    with database.cursor() as cursor:
        cursor.execute("INSERT INTO t VALUES (2)")
    write_ahead_log.shorten()
    assert size() > 0
    reader.execute("COMMIT")
    write_ahead_log.shorten()
    assert size() == 0
    reader.close()


def test_large_log_is_told_of(database: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch) -> None:
    assert GrowingLog().find(NOW) is None
    monkeypatch.setattr(write_ahead_log, "LARGE_BYTES", size())
    assert GrowingLog().find(NOW) is not None


def test_no_log_is_none(database: DatabaseWrapper, tmp_path: Path) -> None:
    database.close()
    assert not (tmp_path / "db-wal").exists()
    assert size() == 0
    write_ahead_log.shorten()
