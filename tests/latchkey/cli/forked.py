"""Runs of the installed command as forks of a process that has loaded it, which takes nearly all of a run's time."""

import json
import os
import re
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

SECONDS = 60.0
# What a command that is not installed says of where its code is.
_TREE = re.compile(r"sys\.path\.insert\(0, '([^']+)'\)")
# What an interpreter reads as it starts, and a fork would not.
OF_THE_START = ("PYTHON", "LC_", "LANG")


class ForkedCommand:
    """The command `program`, loaded by the Python of its environment."""

    def __init__(self, program: Path) -> None:
        self._asked, theirs = socket.socketpair()
        self._asked.settimeout(SECONDS)
        self._lines = self._asked.makefile("rw")
        text = program.read_text()
        python = text.partition("\n")[0].removeprefix("#!")
        tree = _TREE.search(text)
        script = str(Path(__file__).with_name("forking.py"))
        with theirs:
            self._process = subprocess.Popen(
                [python, script, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": tree[1]} if tree else None,
            )

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], directory: Path, typed: str
    ) -> tuple[int, str, str]:
        """Return the exit status, and what was written on standard output and standard error."""
        with tempfile.TemporaryDirectory(prefix="run-") as place:
            streams = [Path(place) / name for name in ("in", "out", "err")]
            for path, text in zip(streams, (typed, "", ""), strict=True):
                path.write_text(text)
            run = {
                "arguments": list(arguments),
                "environment": dict(environment),
                "directory": str(directory),
                "streams": [str(path) for path in streams],
            }
            self._lines.write(json.dumps(run) + "\n")
            self._lines.flush()
            status = int(self._lines.readline())
            return status, streams[1].read_text(), streams[2].read_text()


@cache
def forked(program: Path) -> ForkedCommand:
    """Return the one of a command."""
    return ForkedCommand(program)


def can_fork(environment: Mapping[str, str]) -> bool:
    """Whether a fork sees all of an environment."""
    return not any(name.startswith(OF_THE_START) for name in environment)
