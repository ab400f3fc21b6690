"""Damaged bucket files that were set aside. The last few are kept, so that an operator can find out what damaged
them.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ratelimit.bucket_file import DATA_FILE, LOCK_FILE

MAX_QUARANTINED: Final = 3
_MARKER: Final = ".corrupt-"
# Longer than the check of all but a huge file takes.
_WAIT_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.01


@contextmanager
def exclusive_access(path: Path) -> Iterator[None]:
    """Hold the lock that lets one process at a time open the store in `path` or set it aside.

    Raises OSError; it is a TimeoutError if another process holds the lock for _WAIT_SECONDS.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Lock the parent directory: a lock file of our own could be removed while it is in use.
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + _WAIT_SECONDS
        while not try_lock(descriptor):
            if time.monotonic() > deadline:
                raise TimeoutError(f"another process has been using {path} for {_WAIT_SECONDS:.0f} seconds")
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Take the file's exclusive lock for this descriptor without waiting. Return whether that succeeded."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def quarantine(path: Path) -> Path:
    """Rename the store in `path` to `PATH.corrupt-NANOSECONDS` and return the new path. Raises OSError.

    Only the last MAX_QUARANTINED of these directories stay.
    """
    target = path.with_name(f"{path.name}{_MARKER}{time.time_ns()}")
    try:
        path.rename(target)
    except OSError:
        # `path` is a mounted volume, or its parent directory belongs to another user. Move the files within
        # `path`.
        target = path / target.name
        target.mkdir(mode=0o700)
        for name in (DATA_FILE, LOCK_FILE):
            if (path / name).exists():
                (path / name).rename(target / name)
    for old in _quarantined(path)[:-MAX_QUARANTINED]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def _quarantined(path: Path) -> list[Path]:
    pattern = f"{path.name}{_MARKER}*"
    return sorted((*path.parent.glob(pattern), *path.glob(pattern)), key=_quarantined_ns)


def _quarantined_ns(target: Path) -> int:
    digits = target.name.rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() else 0
