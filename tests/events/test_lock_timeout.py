"""What counts as a change that waited too long for a lock, and for how long that is remembered."""

import sqlite3

import pytest
from django.db import OperationalError, connection, connections, transaction
from psycopg import errors

from events import lock_timeout
from events.lock_timeout import (
    MOST_SECONDS,
    REMEMBERED_SECONDS,
    bound_lock_waits,
    note_given_up,
    serve_with_bounds,
    waits,
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
    assert note_given_up(caused_by(cause)) is counts
    assert waits() is counts


def test_a_wait_is_remembered_for_a_while(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(lock_timeout, "monotonic", clock.seconds)
    assert note_given_up(caused_by(errors.LockNotAvailable("x")))
    clock.move(REMEMBERED_SECONDS - 1)
    assert waits()
    clock.move(1)
    assert not waits()


@pytest.mark.django_db
def test_transaction_is_bounded_where_it_would_wait_without_end() -> None:
    with transaction.atomic():
        bound_lock_waits()
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SHOW lock_timeout")
                assert cursor.fetchone() == (f"{MOST_SECONDS:g}s",)


def test_serving_process_waits_no_longer_for_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"timeout": 20}
    monkeypatch.setitem(connections.settings["default"], "OPTIONS", options)
    serve_with_bounds()
    assert options == {"timeout": MOST_SECONDS}
    monkeypatch.setitem(connections.settings["default"], "OPTIONS", {})
    serve_with_bounds()
    assert connections.settings["default"]["OPTIONS"] == {}
