"""The file under `lmdb://`: opened once a process, reserved on disk ahead of use, set aside where it is corrupt."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time_ns
from typing import Final

import lmdb
import structlog

# The map is as large as it will ever be from the start, as one that grows has to be replaced under running threads. The
# file is sparse: it shows this size, and takes what is reserved.
MAP_SIZE: Final = 64 << 30
MARGIN: Final = 64 << 20
DATA_FILE: Final = "data.mdb"
GENERATION_KEY: Final = b"\x00generation"  # a key that begins with NUL sorts before all others, which never do
_LAYOUT_KEY: Final = b"\x00layout"
_LAYOUT: Final = b"1"
_READERS: Final = 1024
DAMAGE: Final = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
    lmdb.VersionMismatchError,
)
_SHORTAGES: Final = (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EACCES, errno.EMFILE, errno.ENFILE)
_PAGE: Final = os.sysconf("SC_PAGESIZE")
_BLOCK: Final = 512  # the unit of st_blocks, whatever the file system's own

log = structlog.get_logger(__name__)


def open_file(path: Path) -> tuple[lmdb.Environment, int]:
    """The environment in the directory `path`, made where it is not there, and the identity of its file.

    A file that LMDB refuses, that has another layout, or whose directory this process still has open from before is
    renamed to `PATH.corrupt-NANOSECONDS`, and a new one takes its place. Raises lmdb.Error or OSError where that does
    not help either.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(path):
        try:
            return _open(path), identity(path)
        except lmdb.Error as error:
            if (not (path / DATA_FILE).exists() and not _left_open(error)) or _shortage(error):
                raise
            _rename(path, str(error))
            return _open(path), identity(path)


def set_aside(path: Path, known: int, *, reason: str) -> None:
    """Sets a damaged file aside, unless another process was quicker and the one there is not the `known` one."""
    with _alone(path):
        if identity(path) == known:
            _rename(path, reason)


def identity(path: Path) -> int:
    """Which file the directory `path` holds now (its inode); 0 where there is none."""
    try:
        return (path / DATA_FILE).stat().st_ino
    except FileNotFoundError:
        return 0


def reserve(path: Path, size: int) -> None:
    """Gives the data file `size` bytes of real disk.

    A page of a sparse map for which the disk has no room kills its writer with SIGBUS; asked for ahead, the same
    shortage is an OSError that can be answered.
    """
    descriptor = os.open(path / DATA_FILE, os.O_RDWR | os.O_CLOEXEC)
    try:
        if os.fstat(descriptor).st_blocks * _BLOCK < size:
            os.posix_fallocate(descriptor, 0, size)
    finally:
        os.close(descriptor)


def used_bytes(environment: lmdb.Environment) -> int:
    """How far into the file pages are in use. Raises lmdb.CorruptedError where that cannot be."""
    used = int(environment.info()["last_pgno"] + 1) * _PAGE
    if used > MAP_SIZE:
        raise lmdb.CorruptedError("the file's first pages are damaged")
    return used


def _open(path: Path) -> lmdb.Environment:
    environment = lmdb.open(
        str(path), map_size=MAP_SIZE, sync=False, metasync=False, writemap=True, mode=0o600, max_readers=_READERS
    )
    try:
        reserve(path, used_bytes(environment) + MARGIN)
        environment.reader_check()
        _check(environment)
    except BaseException:
        environment.close()
        raise
    return environment


def _check(environment: lmdb.Environment) -> None:
    """Reads the tree's spine and the layout's name, so that damage shows at the start and not under a request."""
    with environment.begin(write=True) as transaction:
        transaction.cursor().last()
        transaction.put(_LAYOUT_KEY, _LAYOUT, overwrite=False)
        if transaction.get(_LAYOUT_KEY) != _LAYOUT:
            raise lmdb.VersionMismatchError("the records are of another layout")


def _left_open(error: lmdb.Error) -> bool:
    """Whether LMDB refuses as this process has the directory open already: only its file was replaced."""
    return "already open in this process" in str(error)


def _shortage(error: lmdb.Error) -> bool:
    """Whether LMDB refuses for want of something that the machine may have again, and not because of the file."""
    return isinstance(error, lmdb.ReadersFullError) or any(os.strerror(number) in str(error) for number in _SHORTAGES)


def _rename(path: Path, reason: str) -> None:
    aside = path.with_name(f"{path.name}.corrupt-{time_ns()}")
    path.rename(aside)
    path.mkdir(mode=0o700)
    log.error("bucket_store_rebuilt", reason=reason, set_aside=str(aside))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Holds a lock beside `path`, so that one process at a time opens it or sets it aside."""
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
