"""Check of a bucket file before this process opens it, run in a child process that may crash."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import ratelimit
from ratelimit.bucket_file_check import DAMAGED, SOUND, FileState

_ROOT: Final = str(Path(ratelimit.__path__[0]).parent)
_MAX_LINE: Final = 300
# These signals come from outside and say nothing about the file: the kernel is out of memory, a filter forbids a
# system call, or the server stops.
_EXTERNAL_SIGNALS: Final = (signal.SIGKILL, signal.SIGSYS, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def check_file(path: Path, state: FileState) -> str:
    """Return what is wrong with the store in the directory `path`, or with a data file alone; empty if nothing is
    wrong.

    A file on which the child crashes, or that it cannot read in time, is damaged. The check takes 0.1 seconds plus
    1 second per million keys. Raises OSError if the file cannot be checked.
    """
    child = _run([str(path), state])
    if child.returncode == SOUND:
        return ""
    if child.returncode == DAMAGED:
        return child.stdout.decode(errors="replace")
    if child.returncode < 0 and -child.returncode not in _EXTERNAL_SIGNALS:
        return f"reading it ended with {signal.Signals(-child.returncode).name}"
    lines = child.stderr.decode(errors="replace").splitlines() or [f"status {child.returncode}"]
    raise OSError(f"{path} cannot be examined: {lines[-1][:_MAX_LINE]}")


def _run(arguments: list[str]) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(  # noqa: S603 - our own module
        # -P: a file in the working directory must not replace a module that the child imports.
        [sys.executable, "-P", "-m", "ratelimit.bucket_file_check", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([_ROOT, *filter(None, sys.path)])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
