"""Atomic directories, durable file writes, and checksums."""

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backup.errors import BackupFailed, BackupRefused

_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Checksum:
    """Size of a file in bytes, and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yield a draft directory (mode 0700) next to `path`. At the end of the block, flush it to disk and rename it.

    If the block raises an exception, the draft is removed. A killed process leaves it, under a name that starts
    with a dot. Raise BackupRefused if anything exists at `path`, including a dangling symbolic link, and
    BackupFailed if the directory can't be written.
    """
    _refuse_existing(path)
    try:
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}.partial-", dir=path.parent))
    except OSError as error:
        raise BackupFailed(f"{path.parent} cannot be written: {error.strerror}.") from None
    try:
        yield draft
        for file in draft.iterdir():
            file.chmod(0o600)
            sync(file)
        sync(draft)
        # Check again: a rename would silently replace an empty directory that was created meanwhile.
        _refuse_existing(path)
        draft.rename(path)
        sync(path.parent)
    except OSError as error:
        raise BackupFailed(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def sync(path: Path) -> None:
    """Flush a file, or the entries of a directory, to disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_checksum(path: Path) -> Checksum:
    """Return the size and digest of a file. Raise BackupRefused if it is not a regular file, or is a symbolic link."""
    try:
        # O_NONBLOCK: opening a FIFO would otherwise wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise BackupRefused(f"{path} cannot be read: {error.strerror}.") from None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BackupRefused(f"{path} is not a file.")
        digest, size = hashlib.sha256(), 0
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return Checksum(size, digest.hexdigest())


def printable(path: Path) -> str:
    """Return the path as text that can be printed and kept, with `\ufffd` for what is not UTF-8 in it."""
    return os.fsencode(path).decode("utf-8", "replace")


def copy_durably(source: Path, target: Path) -> None:
    """Copy a file to a new file (mode 0600) and flush it to disk. Raise FileExistsError if `target` exists."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file, source.open("rb") as original:
            shutil.copyfileobj(original, file, _CHUNK)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        target.unlink()
        raise


def write_durably(path: Path, text: str) -> None:
    """Write a new file (mode 0600) and flush it and its name to disk. Raise FileExistsError if `path` exists."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink()
        raise
    sync(path.parent)


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise BackupRefused(f"{path} already exists. A backup never overwrites anything: use another path.")
