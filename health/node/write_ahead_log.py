"""Write-ahead log of SQLite: kept small, unless a program keeps reading an old state."""

from pathlib import Path
from typing import Final

from django.db import connection

LARGE_BYTES: Final = 256 << 20
"""Size from which on the log is reported. Without readers, a checkpoint follows every 4 MB."""


def size_bytes() -> int:
    """Return the size of the log in bytes; 0 with PostgreSQL, or if there is none."""
    if connection.vendor != "sqlite":
        return 0
    try:
        return Path(f"{connection.settings_dict['NAME']}-wal").stat().st_size
    except FileNotFoundError:
        return 0


def shorten() -> None:
    """Write the log's content into the database and empty the file, if that needs no waiting.

    Raises django.db.Error.
    """
    # SQLite itself writes over the log from its beginning, but leaves the file as large as it ever was.
    if size_bytes() == 0:
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        (patience,) = cursor.fetchone()
        # Writers must not wait while a checkpoint waits for a reader.
        cursor.execute("PRAGMA busy_timeout = 0")
        try:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {patience}")
