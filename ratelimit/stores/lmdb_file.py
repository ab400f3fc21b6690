"""The file under `lmdb://`: opened once a process, reserved on disk ahead of use, set aside where it is corrupt."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time_ns
from typing import Final

import lmdb
import structlog

INITIAL_SIZE: Final = 64 << 20
DATA_FILE: Final = "data.mdb"
_BLOCK: Final = 512  # the unit of st_blocks, whatever the file system's own

log = structlog.get_logger(__name__)


def open_file(path: Path) -> lmdb.Environment:
    """The environment in the directory `path`, made where it is not there.

    A file that LMDB refuses is renamed to `PATH.corrupt-NANOSECONDS` and a new one takes its place. Raises lmdb.Error
    or OSError where that does not help either.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(path):
        try:
            return _open(path)
        except (lmdb.CorruptedError, lmdb.InvalidError, lmdb.VersionMismatchError) as error:
            _rename(path, str(error))
            return _open(path)


def set_aside(path: Path, inode: int, *, reason: str) -> None:
    """Sets a damaged file aside, unless another process was quicker and the one there is no more the file `inode`."""
    with _alone(path):
        if inode_of(path) == inode:
            _rename(path, reason)


def inode_of(path: Path) -> int:
    """The identity of the data file in the directory `path`; 0 where there is none."""
    try:
        return (path / DATA_FILE).stat().st_ino
    except FileNotFoundError:
        return 0


def reserve(path: Path, size: int) -> None:
    """Gives the data file `size` bytes of real disk.

    A page of a sparse map for which the disk has no room kills its writer with SIGBUS; asked for ahead, the same
    shortage is an OSError that can be answered.
    """
    descriptor = os.open(path / DATA_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(descriptor).st_blocks * _BLOCK < size:
            os.posix_fallocate(descriptor, 0, size)
    finally:
        os.close(descriptor)


def _open(path: Path) -> lmdb.Environment:
    data = path / DATA_FILE
    size = max(INITIAL_SIZE, data.stat().st_size if data.exists() else 0)
    environment = lmdb.open(str(path), map_size=size, sync=False, metasync=False, writemap=True, mode=0o600)
    try:
        reserve(path, size)
        _check(environment)
    except BaseException:
        environment.close()
        raise
    return environment


def _rename(path: Path, reason: str) -> None:
    aside = path.with_name(f"{path.name}.corrupt-{time_ns()}")
    path.rename(aside)
    path.mkdir(mode=0o700)
    log.error("bucket_store_rebuilt", reason=reason, set_aside=str(aside))


def _check(environment: lmdb.Environment) -> None:
    """Reads once through the tree's spine, so that damage shows at the start and not under a request."""
    with environment.begin() as transaction:
        transaction.stat()
        transaction.cursor().last()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Holds a lock beside `path`, so that one process at a time opens it or sets it aside."""
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
