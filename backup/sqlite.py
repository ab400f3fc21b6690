"""SQLite backups: an online copy of the database, and its replacement by a copy."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from time import time_ns
from typing import Final
from urllib.parse import quote

from backup.database_facts import Facts, read_facts
from backup.errors import BackupFailed
from backup.files import copy_durably, sync
from backup.schema.sql import Query, ask_of

_TIMEOUT_SECONDS: Final = 20.0


def copy_database(database: Path, target: Path) -> Facts:
    """Copy a database that may be in use to the new file `target`, as of one moment. Return the facts of the copy.

    Raise BackupFailed.
    """
    try:
        with closing(_open(database, "rw")) as source, closing(_open(target, "rwc")) as copy:
            # One step holds one read transaction. In WAL mode, writers continue meanwhile.
            source.backup(copy)
            # A single file, which can be read even on a read-only file system.
            copy.execute("PRAGMA journal_mode=DELETE")
            _check(copy)
            return read_facts(ask_of(copy))
    except sqlite3.Error as error:
        raise BackupFailed(f"The database cannot be copied: {error}.") from None


@contextmanager
def prepared_database(copy: Path, database: Path, settle: Callable[[Query], None]) -> Iterator[Path]:
    """Yield a draft next to the database, checked, changed by `settle`, and flushed to disk.

    Raise BackupFailed or OSError.
    """
    draft = database.with_name(f".{database.name}.{time_ns()}")
    try:
        copy_durably(copy, draft)
        with closing(_open(draft, "rw")) as connection:
            _check(connection)
            with connection:
                settle(ask_of(connection))
        sync(draft)
        yield draft
    except sqlite3.Error as error:
        raise BackupFailed(f"The copy cannot be used: {error}.") from None
    finally:
        draft.unlink(missing_ok=True)


def put_database(draft: Path, database: Path, aside: Path) -> None:
    """Replace the database by the draft, and move the old files to `aside`. A complete database exists at every moment.

    No other process may have it open. Raise OSError.
    """
    if database.exists():
        _set_aside(database, aside)
    try:
        draft.replace(database)
    except OSError:
        _take_back(database, aside)
        raise


def _set_aside(database: Path, aside: Path) -> None:
    """Link the old database to a second name, and move its write-ahead log there."""
    with suppress(sqlite3.Error), closing(_open(database, "rw")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    os.link(database, aside)
    # The log must not stay: SQLite would apply it to the new database.
    wal = database.with_name(f"{database.name}-wal")
    if wal.exists():
        wal.rename(aside.with_name(f"{aside.name}-wal"))
    database.with_name(f"{database.name}-shm").unlink(missing_ok=True)


def _take_back(database: Path, aside: Path) -> None:
    wal = aside.with_name(f"{aside.name}-wal")
    if wal.exists():
        wal.rename(database.with_name(f"{database.name}-wal"))
    aside.unlink(missing_ok=True)


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode={mode}", uri=True, timeout=_TIMEOUT_SECONDS)


def _check(connection: sqlite3.Connection) -> None:
    # The constraints call functions that only Django's connections define.
    connection.execute("PRAGMA ignore_check_constraints=ON")
    found = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != ("ok",):
        raise sqlite3.DatabaseError(f"it is damaged ({found[0]})")
