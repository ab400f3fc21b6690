"""The examination of a bucket file before this process opens it, by a child that may die of it."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import ratelimit
from ratelimit.examination import DAMAGED, SOUND, How

_ROOT: Final = str(Path(ratelimit.__path__[0]).parent)
_LAST_LINE: Final = 300
# What ends a child from outside says nothing about the file: the kernel's lack of memory, a filter of system calls, or
# a server that stops.
_FROM_OUTSIDE: Final = (signal.SIGKILL, signal.SIGSYS, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def examine(path: Path, how: How) -> str:
    """Return what is wrong with the store in the directory `path`, or in the lone file; empty if nothing is. A file of
    which the child dies, or that it cannot get through in time, is damaged.

    Takes a tenth of a second, and a second for each million keys. Raises OSError if the file cannot be examined.
    """
    child = _run([str(path), how])
    if child.returncode == SOUND:
        return ""
    if child.returncode == DAMAGED:
        return child.stdout.decode(errors="replace")
    if child.returncode < 0 and -child.returncode not in _FROM_OUTSIDE:
        return f"reading it ended with {signal.Signals(-child.returncode).name}"
    lines = child.stderr.decode(errors="replace").splitlines() or [f"status {child.returncode}"]
    raise OSError(f"{path} cannot be examined: {lines[-1][:_LAST_LINE]}")


def _run(arguments: list[str]) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-P", "-m", "ratelimit.examination", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([_ROOT, *filter(None, sys.path)])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
