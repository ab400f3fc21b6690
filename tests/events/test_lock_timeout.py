"""What counts as a change that waited too long for a lock, and for how long that is remembered."""

import sqlite3

import pytest
from django.db import OperationalError, connection, connections, transaction
from psycopg import errors

from events import lock_timeout
from events.lock_timeout import (
    MAX_WAIT_SECONDS,
    RECENT_SECONDS,
    limit_sqlite_waits,
    record_lock_timeout,
    set_lock_timeout,
    timed_out_recently,
)
from tests.conftest import Clock


def caused_by(cause: Exception) -> OperationalError:
    error = OperationalError("x")
    error.__cause__ = cause
    return error


def of_sqlite(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("cause", "counts"),
    [
        (errors.LockNotAvailable("x"), True),
        (of_sqlite(sqlite3.SQLITE_BUSY), True),
        (of_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT), True),
        (of_sqlite(sqlite3.SQLITE_FULL), False),
        (errors.AdminShutdown("x"), False),
        (ValueError("x"), False),
    ],
)
def test_only_a_wait_for_a_lock_counts(cause: Exception, counts: bool) -> None:
    assert record_lock_timeout(caused_by(cause)) is counts
    assert timed_out_recently() is counts


def test_a_wait_is_remembered_for_a_while(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(lock_timeout, "monotonic", clock.seconds)
    assert record_lock_timeout(caused_by(errors.LockNotAvailable("x")))
    clock.move(RECENT_SECONDS - 1)
    assert timed_out_recently()
    clock.move(1)
    assert not timed_out_recently()


@pytest.mark.django_db
def test_transaction_gets_a_lock_timeout() -> None:
    with transaction.atomic():
        set_lock_timeout()
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SHOW lock_timeout")
                assert cursor.fetchone() == (f"{MAX_WAIT_SECONDS:g}s",)


def test_serving_process_waits_no_longer_for_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"timeout": 20}
    monkeypatch.setitem(connections.settings["default"], "OPTIONS", options)
    limit_sqlite_waits()
    assert options == {"timeout": MAX_WAIT_SECONDS}
    monkeypatch.setitem(connections.settings["default"], "OPTIONS", {})
    limit_sqlite_waits()
    assert connections.settings["default"]["OPTIONS"] == {}
