"""Bucket files that were set aside: kept for a look at what damaged them, the last few of them."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ratelimit.bucket_file import DATA_FILE, LOCK_FILE

KEPT: Final = 3
_MARK: Final = ".corrupt-"
_WAIT_SECONDS: Final = 20.0  # longer than the examination of all but a huge file
_POLL_SECONDS: Final = 0.01


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock under which one process at a time opens the store in `path` or sets it aside: that of the directory
    around it, as a lock file could be removed. Raises OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + _WAIT_SECONDS
        while not lock(descriptor):
            if time.monotonic() > deadline:
                raise TimeoutError(f"another process has worked on {path} for {_WAIT_SECONDS:.0f} seconds")
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def lock(descriptor: int) -> bool:
    """Take the file's lock for this descriptor alone; return whether no other has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def put_aside(path: Path) -> Path:
    """Rename the store in `path` to `PATH.corrupt-NANOSECONDS`, and return that; within `path`, if that is a volume of
    its own or lies in a directory of another user. Raises OSError.
    """
    aside = path.with_name(f"{path.name}{_MARK}{time.time_ns()}")
    try:
        path.rename(aside)
    except OSError:
        aside = path / aside.name
        aside.mkdir(mode=0o700)
        for name in (DATA_FILE, LOCK_FILE):
            if (path / name).exists():
                (path / name).rename(aside / name)
    for old in _all(path)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return aside


def _all(path: Path) -> list[Path]:
    pattern = f"{path.name}{_MARK}*"
    return sorted((*path.parent.glob(pattern), *path.glob(pattern)), key=_ns)


def _ns(aside: Path) -> int:
    digits = aside.name.rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() else 0
