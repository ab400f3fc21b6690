"""A small file system of a test's own, to be filled."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BLOCK = 1 << 16


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[Path]:
    """Mount a file system of that size at `path`, an empty directory."""
    options = f"size={megabytes}m,mode=700,uid={os.getuid()},gid={os.getgid()}"
    _as_root("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path))
    try:
        yield path
    finally:
        _as_root("umount", "--lazy", str(path))


def fill(path: Path) -> None:
    """Write to the file `path` until its disk is full."""
    size = _BLOCK
    with path.open("ab", buffering=0) as file:
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2


def may_mount() -> bool:
    """Return whether this user may mount file systems."""
    try:
        with tempfile.TemporaryDirectory() as path, small_disk(Path(path), 1):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def _as_root(*command: str) -> None:
    prefix = [] if os.getuid() == 0 else ["sudo", "-n"]
    subprocess.run([*prefix, *command], check=True, capture_output=True)
