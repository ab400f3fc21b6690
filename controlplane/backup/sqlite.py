"""The SQLite database: an online copy, and the way back under its name."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from time import time_ns
from typing import Final
from urllib.parse import quote

from controlplane.backup.errors import BackupFailed
from controlplane.backup.facts import Facts, read_facts
from controlplane.backup.files import copy_durably, sync
from controlplane.query import Query, ask_of

_TIMEOUT_SECONDS: Final = 20.0


def copy_database(database: Path, target: Path) -> Facts:
    """Copies a database that is in use, as it is at one moment, to the new file `target`; tells what the copy says.

    One step holds one read transaction: in WAL mode writers go on meanwhile. Raises BackupFailed.
    """
    try:
        with closing(_open(database, "rw")) as source, closing(_open(target, "rwc")) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file alone, that can be read where nothing can be written
            _check(copy)
            return read_facts(ask_of(copy))
    except sqlite3.Error as error:
        raise BackupFailed(f"The database cannot be copied: {error}.") from None


@contextmanager
def prepared_database(copy: Path, database: Path, settle: Callable[[Query], None]) -> Iterator[Path]:
    """A draft beside the database, whole and on the disk, in which `settle` has changed what it has to.

    Raises BackupFailed or OSError.
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
    """Puts the draft in place of the database, whose old files go to `aside`. At each moment there is a whole one.

    Nobody else may have it open. Raises OSError.
    """
    if database.exists():
        _set_aside(database, aside)
    try:
        draft.replace(database)
    except OSError:
        _take_back(database, aside)
        raise


def _set_aside(database: Path, aside: Path) -> None:
    """Gives the old database a second name; its write-ahead log goes there alone, as it must not meet the new one."""
    with suppress(sqlite3.Error), closing(_open(database, "rw")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    os.link(database, aside)
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
    connection.execute("PRAGMA ignore_check_constraints=ON")  # they call functions that only Django's connections have
    found = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != ("ok",):
        raise sqlite3.DatabaseError(f"it is damaged ({found[0]})")
