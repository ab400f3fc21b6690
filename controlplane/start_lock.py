"""Locks of a start: of two that begin at the same time one works, and the other says that it waits, and for how long.

The lock in the database belongs to a transaction. One of a session would stay behind on a connection of a pooler
(PgBouncer with `pool_mode=transaction`) that others use next.
"""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from django.core.management.base import CommandError
from django.db import DatabaseError, connection

MOST_SECONDS: Final = 600.0  # a start that migrates a large database takes minutes
_LOCK: Final = 0x6C61746368  # "latch": a number that nobody else takes for a lock
_POLL_SECONDS: Final = 0.2
_COULD_NOT: Final = 3  # exit status

Say = Callable[[str], None]


@contextmanager
def alone_in(path: Path, say: Say) -> Iterator[None]:
    """Hold the lock of a file in DATA_DIR. Raises CommandError if another start holds it for MOST_SECONDS."""
    with path.open("w") as file:

        def taken() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        _wait(taken, f"Another start works in {path.parent}.", say)
        yield


@contextmanager
def alone_on_database(say: Say) -> Iterator[None]:
    """Hold the lock of starts on PostgreSQL; SQLite has one file, and DATA_DIR's lock is enough. Raises CommandError if
    another node holds it for MOST_SECONDS.
    """
    if connection.vendor != "postgresql":
        yield
        return
    holder = connection.copy()
    holder.set_autocommit(False)

    def taken() -> bool:
        with holder.cursor() as cursor:
            # The transaction does nothing but hold the lock, which a limit on such transactions would take away.
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
            got = bool(cursor.fetchone()[0])
        if not got:  # one that waits keeps no connection of a pooler, which the other may need
            holder.rollback()
        return got

    try:
        _wait(taken, "Another node prepares the database.", say)
        yield
    finally:
        with suppress(DatabaseError):  # a connection that was lost meanwhile has no lock to give back
            holder.rollback()
        with suppress(DatabaseError):
            holder.close()


def _wait(taken: Callable[[], bool], holder: str, say: Say) -> None:
    """Return once `taken()`; say once that this waits, and for whom."""
    deadline = time.monotonic() + MOST_SECONDS
    said = False
    while not taken():
        if time.monotonic() > deadline:
            raise CommandError(
                f"{holder} It has not ended in {MOST_SECONDS:.0f} seconds. End it, or start again later.",
                returncode=_COULD_NOT,
            )
        if not said:
            said = True
            say(f"{holder} Waiting for its end, {MOST_SECONDS:.0f} seconds at most.")
        time.sleep(_POLL_SECONDS)
