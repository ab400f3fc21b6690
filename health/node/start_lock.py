"""Startup locks: if two processes start at the same time, one works, and the other waits and says so.

The database lock belongs to a transaction. A session lock could stay on a pooler's connection (PgBouncer with
`pool_mode=transaction`), which other clients use next.
"""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from django.core.management.base import CommandError
from django.db import DatabaseError, connection

from latchkey.cli.exit_codes import COULD_NOT

# Migrating a large database takes minutes.
MAX_WAIT_SECONDS: Final = 600.0
# "latch" in ASCII: unlikely to be another program's lock number.
_LOCK: Final = 0x6C61746368
_POLL_SECONDS: Final = 0.2


Report = Callable[[str], None]


@contextmanager
def hold_file_lock(path: Path, report: Report) -> Iterator[None]:
    """Hold the lock file in DATA_DIR. Raise CommandError if another process holds it for MAX_WAIT_SECONDS."""
    with path.open("w") as file:

        def try_acquire() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        _wait(try_acquire, f"Another process is starting in {path.parent}.", report)
        yield


@contextmanager
def hold_database_lock(report: Report) -> Iterator[None]:
    """Hold the startup lock on PostgreSQL. Raise CommandError if another node holds it for MAX_WAIT_SECONDS."""
    # SQLite is a single file, for which the lock in DATA_DIR is enough.
    if connection.vendor != "postgresql":
        yield
        return
    holder = connection.copy()
    holder.set_autocommit(False)

    def try_acquire() -> bool:
        with holder.cursor() as cursor:
            # This transaction only holds the lock. A limit on idle transactions would end it and release the lock.
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
            got = bool(cursor.fetchone()[0])
        # While waiting, give the pooler its connection back: the lock's holder may need it.
        if not got:
            holder.rollback()
        return got

    try:
        _wait(try_acquire, "Another node is preparing the database.", report)
        yield
    finally:
        # If the connection was lost meanwhile, the lock is released already.
        with suppress(DatabaseError):
            holder.rollback()
        with suppress(DatabaseError):
            holder.close()


def _wait(try_acquire: Callable[[], bool], holder: str, report: Report) -> None:
    """Wait until `try_acquire()` returns True. Report once that this process waits.

    Raise CommandError after MAX_WAIT_SECONDS.
    """
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    reported = False
    while not try_acquire():
        if time.monotonic() > deadline:
            raise CommandError(
                f"{holder} It did not finish in {MAX_WAIT_SECONDS:.0f} seconds. Stop it, or start again later.",
                returncode=COULD_NOT,
            )
        if not reported:
            reported = True
            report(f"{holder} Waiting for it, at most {MAX_WAIT_SECONDS:.0f} seconds.")
        time.sleep(_POLL_SECONDS)
