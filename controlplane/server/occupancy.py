"""Who works on a DATA_DIR: any number of servers, or one restore alone."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LOCK_FILE: Final = "serving.lock"


class Occupied(Exception):
    """The other kind works there now."""


def serve_on(data_dir: Path) -> int:
    """A descriptor that marks DATA_DIR as served until the last process that holds it has ended. Raises Occupied."""
    return _lock(data_dir, fcntl.LOCK_SH)


@contextmanager
def alone_on(data_dir: Path) -> Iterator[None]:
    """Nobody serves on DATA_DIR within the block. Raises Occupied."""
    descriptor = _lock(data_dir, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(data_dir: Path, kind: int) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(data_dir / LOCK_FILE, flags, 0o600)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Occupied from None
    return descriptor
