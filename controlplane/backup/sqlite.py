"""The SQLite database: an online copy, and the way back under its name."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from controlplane.backup.errors import BackupFailed
from controlplane.backup.facts import Facts, read_facts
from controlplane.backup.files import copy_durably, sync

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
            return read_facts(lambda statement: copy.execute(statement).fetchall())
    except sqlite3.Error as error:
        raise BackupFailed(f"The database cannot be copied: {error}.") from None


def put_database(copy: Path, database: Path, aside: Path) -> None:
    """Puts the copy in place of the database, whose old files go to `aside`. At each moment there is a whole one.

    Nobody else may have it open. Raises BackupFailed or OSError.
    """
    draft = database.with_name(f".{database.name}.{aside.name}")
    copy_durably(copy, draft)
    try:
        with closing(_open(draft, "rw")) as connection:
            _check(connection)
        if database.exists():
            _set_aside(database, aside)
        draft.replace(database)
        sync(database.parent)
    except sqlite3.Error as error:
        raise BackupFailed(f"The copy cannot be used: {error}.") from None
    finally:
        draft.unlink(missing_ok=True)


def _set_aside(database: Path, aside: Path) -> None:
    """Gives the old database a second name; its write-ahead log goes there alone, as it must not meet the new one."""
    with suppress(sqlite3.Error), closing(_open(database, "rw")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    os.link(database, aside)
    wal = database.with_name(f"{database.name}-wal")
    if wal.exists():
        wal.rename(aside.with_name(f"{aside.name}-wal"))
    database.with_name(f"{database.name}-shm").unlink(missing_ok=True)


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode={mode}", uri=True, timeout=_TIMEOUT_SECONDS)


def _check(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA ignore_check_constraints=ON")  # they call functions that only Django's connections have
    found = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != ("ok",):
        raise sqlite3.DatabaseError(f"it is damaged ({found[0]})")
