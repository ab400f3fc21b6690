"""Bucket file of an `lmdb://` store: opened once per process, only after a check, with disk space reserved ahead
of use.

Every process that has the file open holds a shared lock on it. So the first process knows that no other uses the
file, and can have all of it checked, no matter how the machine or the last server ended.
"""

import errno
import fcntl
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import lmdb
import structlog

from ratelimit.bucket_file import (
    DATA_FILE,
    LAYOUT,
    LAYOUT_KEY,
    LOCK_FILE,
    LOCK_KEY,
    MAP_SIZE,
    MAX_READERS,
    REBUILT_KEY,
    lock_file_identity,
)
from ratelimit.bucket_file_check import FileState
from ratelimit.stores.base import Rebuild
from ratelimit.stores.lmdb_check import check_file
from ratelimit.stores.lmdb_quarantine import exclusive_access, quarantine, try_lock

MARGIN: Final = 64 << 20
_LOCK_BYTES: Final = (MAX_READERS + 64) * 64
REPLACED: Final = "the file was removed or replaced while it was in use"
MIN_REBUILD_INTERVAL_NS: Final = 10_000_000_000
_DAMAGED: Final = "damaged while it was in use: "
_MIXED_FILES: Final = f"one of {DATA_FILE} and {LOCK_FILE} was replaced while they were in use"
_SHORTAGES: Final = (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
_PAGE_BYTES: Final = os.sysconf("SC_PAGESIZE")
# The unit of st_blocks, whatever block size the file system uses.
_BLOCK_BYTES: Final = 512
_MAX_REASON: Final = 300

Signature = tuple[int, ...]
"""Identity of the two files of a store: their device, inodes and sizes, and whether this process may use them.
Empty if a file is missing.
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BucketFile:
    """An open bucket file: its environment, the signature of its files, the descriptor that holds the lock, and
    the time at which it was opened.
    """

    environment: lmdb.Environment
    signature: Signature
    descriptor: int
    opened_ns: int

    def close(self) -> None:
        """Close the file. No thread may be inside its environment."""
        self.environment.close()
        os.close(self.descriptor)

    def last_rebuild(self) -> Rebuild | None:
        """Return when and why this file replaced another one; None if it never did."""
        with self.environment.begin() as transaction:
            return _parse_rebuild(bytes(transaction.get(REBUILT_KEY, b"")))

    def record_rebuild(self, reason: str, since_ns: int) -> bool:
        """Record that this file replaced another one that was in use at `since_ns`. Return whether this call
        recorded it.
        """
        with self.environment.begin(write=True) as transaction:
            known = _parse_rebuild(bytes(transaction.get(REBUILT_KEY, b"")))
            # Several processes notice the same replacement. Only the first one records it.
            if known is not None and known.at_ns >= since_ns:
                return False
            transaction.put(REBUILT_KEY, f"{time.time_ns()} {reason[:_MAX_REASON]}".encode())
            return True


def _parse_rebuild(stored: bytes) -> Rebuild | None:
    at_ns, _, reason = stored.decode(errors="replace").partition(" ")
    return Rebuild(int(at_ns), reason) if at_ns.isdigit() else None


def open_file(path: Path, replaced: Sequence[BucketFile] = (), *, damage: str = "") -> BucketFile:
    """Open the store in the directory `path`; create the directory if it does not exist.

    `replaced` are the files at this path that the process opened earlier. `damage` says what was wrong with the last
    of them. Files that are damaged, do not belong together or cannot be read are set aside and replaced by a new
    store. After damage found by a running process, that happens at most once in MIN_REBUILD_INTERVAL_NS.

    Raises lmdb.Error or OSError if that does not help, or if the machine lacks something, such as disk space.
    """
    with exclusive_access(path):
        current = signature(path)
        reason = ""
        # If the signature differs, another process has already replaced the damaged file.
        if damage and current == replaced[-1].signature:
            reason = f"{_DAMAGED}{damage}"
            _check_repeated_damage(replaced[-1], reason)
        else:
            for known in replaced:
                # The directory was moved away and back. LMDB must not open a file twice in one process.
                if known.signature == current:
                    return known
            reason = (
                _MIXED_FILES
                if any(_share_a_file(known.signature, current) for known in replaced)
                else _find_fault(path)
            )
        aside = quarantine(path) if reason else None
        path.mkdir(mode=0o700, exist_ok=True)
        opened = _open(path)
        if (reason or replaced) and opened.record_rebuild(
            reason or REPLACED, replaced[-1].opened_ns if replaced else 0
        ):
            log.error("bucket_store_rebuilt", reason=reason or REPLACED, set_aside=str(aside or ""))
        return opened


def signature(path: Path) -> Signature:
    """Return the signature of the files in the directory `path`; empty if one of them is missing."""
    data, locks = path / DATA_FILE, path / LOCK_FILE
    try:
        data_stat, lock_stat = data.stat(), locks.stat()
        usable = os.access(data, os.R_OK | os.W_OK) and os.access(locks, os.R_OK | os.W_OK)
    except OSError:
        return ()
    return data_stat.st_dev, data_stat.st_ino, data_stat.st_size, lock_stat.st_ino, lock_stat.st_size, usable


def _share_a_file(one: Signature, other: Signature) -> bool:
    """Return whether two signatures have the data file or the lock file in common."""
    # LMDB must not open a file twice in one process, and processes that share only the data file would not exclude
    # each other.
    return bool(one and other) and one[0] == other[0] and (one[1] == other[1] or one[3] == other[3])


def reserve(path: Path, size: int) -> None:
    """Allocate `size` bytes of real disk space for the data file. Raises OSError if the disk is full."""
    # If the disk is full, writing to a page of a sparse map kills the process with SIGBUS. Allocating ahead turns
    # the same shortage into an OSError that can be handled.
    _reserve(path / DATA_FILE, size, os.O_RDWR | os.O_CLOEXEC)


def _reserve(file: Path, size: int, flags: int) -> None:
    descriptor = os.open(file, flags, 0o600)
    try:
        if os.fstat(descriptor).st_blocks * _BLOCK_BYTES < size:
            os.posix_fallocate(descriptor, 0, size)
    finally:
        os.close(descriptor)


def used_bytes(environment: lmdb.Environment) -> int:
    """Return the size of the part of the file that is in use, in bytes.

    Raises lmdb.CorruptedError if it exceeds the size of the map.
    """
    used = int(environment.info()["last_pgno"] + 1) * _PAGE_BYTES
    if used > MAP_SIZE:
        raise lmdb.CorruptedError("the file's first pages are damaged")
    return used


def is_shortage(error: lmdb.Error) -> bool:
    """Return whether LMDB lacks a resource that may become available again, so that the file is not at fault."""
    # py-lmdb passes other system errors on as text only.
    return isinstance(error, (lmdb.ReadersFullError, lmdb.MemoryError)) or any(
        os.strerror(number) in str(error) for number in _SHORTAGES
    )


def _check_repeated_damage(damaged: BucketFile, reason: str) -> None:
    """Raise OSError if the damaged file itself replaced a damaged one a moment ago."""
    try:
        known = damaged.last_rebuild()
    except lmdb.Error:
        return
    if known is None or not known.reason.startswith(_DAMAGED):
        return
    # Two damaged files in a row mean that the fault is somewhere else, for example the disk.
    if abs(time.time_ns() - known.at_ns) < MIN_REBUILD_INTERVAL_NS:
        raise OSError(f"{reason}; the previous file was damaged a moment ago too")


def _find_fault(path: Path) -> str:
    """Return what is wrong with the files in `path`; empty if nothing is wrong or there are none. Raises OSError."""
    try:
        descriptor = os.open(path / DATA_FILE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return f"{DATA_FILE} is missing" if (path / LOCK_FILE).exists() else ""
    except OSError as error:
        if error.errno in _SHORTAGES:
            raise
        return f"{DATA_FILE}: {error.strerror}"
    try:
        # Having the exclusive lock means that no other process has the file open.
        if try_lock(descriptor):
            return check_file(path, FileState.AT_REST) or _remove_lock_file(path)
        if os.fstat(descriptor).st_size != MAP_SIZE:
            return f"{DATA_FILE} was truncated while it was in use"
        if not os.access(path / LOCK_FILE, os.R_OK | os.W_OK):
            return f"{LOCK_FILE} was removed while it was in use"
        return check_file(path, FileState.IN_USE)
    finally:
        os.close(descriptor)


def _remove_lock_file(path: Path) -> str:
    """Remove LMDB's lock file, and return what is wrong if that fails."""
    try:
        # No process uses it now, and it may be damaged too. LMDB creates it again.
        (path / LOCK_FILE).unlink(missing_ok=True)
    except OSError as error:
        return f"{LOCK_FILE}: {error.strerror}"
    return ""


def _open(path: Path) -> BucketFile:
    # The reader table is a sparse map too, and each process that opens it writes to another slot of 64 bytes.
    _reserve(path / LOCK_FILE, _LOCK_BYTES, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    environment = lmdb.open(
        str(path), map_size=MAP_SIZE, sync=False, metasync=False, writemap=True, mode=0o600, max_readers=MAX_READERS
    )
    try:
        reserve(path, used_bytes(environment) + MARGIN)
        environment.reader_check()
        with environment.begin(write=True) as transaction:
            transaction.put(LAYOUT_KEY, LAYOUT, overwrite=False)
            transaction.put(LOCK_KEY, lock_file_identity(path))
        descriptor = os.open(path / DATA_FILE, os.O_RDWR | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    except BaseException:
        environment.close()
        raise
    return BucketFile(environment, signature(path), descriptor, time.time_ns())
