"""Data directory lock: one server or one restore works on a DATA_DIR, and on a SQLite file, at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.db import connection

LOCK_FILE: Final = "serving.lock"
_LOCK: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class DataDirInUse(Exception):
    """Another server or restore is using the directory, which the message names."""


def serve_on(data_dir: Path) -> tuple[int, ...]:
    """Lock DATA_DIR and, with SQLite, the database file, which may be elsewhere. Return the open descriptors.

    The locks last until the last process that holds the descriptors has ended. Raise Occupied or OSError.
    """
    held: list[int] = []
    try:
        for path in _locks(data_dir):
            held += [_lock(path)]
    except (DataDirInUse, OSError):
        _release(held)
        raise
    return tuple(held)


@contextmanager
def lock_data_dir(data_dir: Path) -> Iterator[None]:
    """Hold the data directory lock within the block. Raise Occupied or OSError."""
    held = serve_on(data_dir)
    try:
        yield
    finally:
        _release(held)


def _locks(data_dir: Path) -> Iterator[Path]:
    yield data_dir / LOCK_FILE
    if connection.vendor == "sqlite":
        # Two servers with different data directories could share one SQLite file, so it gets a lock next to it.
        database = Path(connection.settings_dict["NAME"]).resolve()
        yield database.with_name(f"{database.name}.{LOCK_FILE}")


def _lock(path: Path) -> int:
    descriptor = os.open(path, _LOCK, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise DataDirInUse(path.parent) from None
    return descriptor


def _release(held: list[int] | tuple[int, ...]) -> None:
    for descriptor in held:
        os.close(descriptor)
