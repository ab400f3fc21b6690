"""SQLite's write-ahead log: kept small, which a program that reads without end prevents."""

from pathlib import Path
from typing import Final

from django.db import connection

LARGE_BYTES: Final = 256 << 20
"""From which size on a log is worth telling of: a checkpoint comes after each 4 MB, if nobody reads."""


def size_bytes() -> int:
    """Return the size of the log; 0 with PostgreSQL, or where there is none."""
    if connection.vendor != "sqlite":
        return 0
    try:
        return Path(f"{connection.settings_dict['NAME']}-wal").stat().st_size
    except FileNotFoundError:
        return 0


def shorten() -> None:
    """Write what is in the log into the database and empty the file, if that needs no waiting. SQLite itself writes
    over the log from its beginning but leaves the file as large as it ever was. Raises django.db.Error.
    """
    if size_bytes() == 0:
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        (patience,) = cursor.fetchone()
        cursor.execute("PRAGMA busy_timeout = 0")  # writers must not wait while a checkpoint waits for a reader
        try:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {patience}")
