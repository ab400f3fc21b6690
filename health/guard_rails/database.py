"""Guard rails about the database."""

from datetime import datetime
from typing import Final

from django.db import connection

from apikeys.read_only import connection_is_read_only
from events.lock_timeout import MAX_WAIT_SECONDS, timed_out_recently
from health.guard_rails.base import Finding, GuardRail, Severity
from health.node import write_ahead_log

_LOCKED: Final = (
    f"Changes were given up after {MAX_WAIT_SECONDS:g} s:"
    " another session holds a lock in the database and does not release it."
)


class UnwritableDatabase(GuardRail):
    """A database that takes no changes: checks and reads continue, but no key can be issued, changed or revoked."""

    name = "unwritable_database"
    severity = Severity.CRITICAL
    remedy = (
        "Point DATABASE_URL to the primary server, and make sure that it is not read-only; or find the session that"
        " holds a lock, for example one that was left inside a transaction, and end it."
    )
    every_run = True

    def find(self, now: datetime) -> Finding | None:
        # connection_is_read_only() looks at the open session, and there may be none yet.
        connection.ensure_connection()
        if connection_is_read_only():
            return Finding(1, "The database rejects changes: it is a standby or set to read-only.")
        return Finding(1, _LOCKED) if timed_out_recently() else None


class GrowingLog(GuardRail):
    """A write-ahead log of SQLite that is never emptied, until the disk is full.

    SQLite can't empty it while a program reads an old state.
    """

    name = "growing_wal"
    severity = Severity.WARNING
    remedy = "Find the program that has the SQLite file open for reading, and stop it."

    def find(self, now: datetime) -> Finding | None:
        size = write_ahead_log.size_bytes()
        if size < write_ahead_log.LARGE_BYTES:
            return None
        return Finding(1, f"The write-ahead log of SQLite has over {write_ahead_log.LARGE_BYTES >> 20} MiB.")
