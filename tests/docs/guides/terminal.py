"""The terminal of a reader who follows a guide: it runs what the page says to type, next to a real Latchkey."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.guides.pages import Block, commands, shows
from tests.support.commands import ROOT
from tests.support.server import RunningServer

_PROGRAMS = {"manage.py": str(ROOT / "manage.py"), "latchkey": "-m latchkey"}
# The shell variables that guides set in one block and use in another.
_KEPT = "KEY KEY_ID PATHS"


@dataclass
class Terminal:
    """A directory, an environment that lasts from command to command, and the programs that the guides name.

    `ports` are those that a page names, and what stands for each here. `programs` stand for those that this machine
    lacks: each is a shell script. `instead` has what is done for a command that can't be typed here.
    """

    directory: Path
    server: RunningServer
    ports: Mapping[str, int]
    programs: Mapping[str, str] = field(default_factory=dict)
    instead: Mapping[str, Callable[[], None]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.directory / "bin").mkdir()
        ours = {name: f'PYTHONPATH={ROOT} exec {sys.executable} {what} "$@"' for name, what in _PROGRAMS.items()}
        for name, script in (ours | dict(self.programs)).items():
            file = self.directory / "bin" / name
            file.write_text(f"#!/bin/bash\n{script}\n")
            file.chmod(0o755)

    def follow(self, block: Block) -> None:
        """Type each command of a block, and compare what it shows with what the page shows."""
        for command in commands(block):
            if command.typed in self.instead:
                self.instead[command.typed]()
                continue
            done = self.type(command.typed)
            assert done.returncode == 0, f"{command.typed}\n{done.stdout}{done.stderr}"
            assert shows(self.here(command.shown), done.stdout), f"{command.typed}\n{done.stdout}{done.stderr}"

    def type(self, typed: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in Bash. What it exports is there for the next one."""
        kept = self.directory / "variables"
        script = f"{self.here(typed)}\nstatus=$?\ndeclare -p {_KEPT} 2>/dev/null >{kept}\nexit $status"
        before = kept.read_text() if kept.exists() else ""
        return subprocess.run(
            ["bash", "-c", f"{before}\n{script}"],
            cwd=self.directory,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def value(self, variable: str) -> str:
        """Return a variable that the guide has set."""
        return self.type(f'echo "${variable}"').stdout.strip()

    def here(self, text: str) -> str:
        """Put the ports of this test for those that a page names."""
        for port, here in self.ports.items():
            text = text.replace(f":{port}", f":{here}").replace(f"listen {port}", f"listen {here}")
            text = text.replace(f"--listen {port}", f"--listen {here}")
        return text

    def write(self, file: str, text: str) -> None:
        """Save a file of a guide."""
        (self.directory / file).write_text(self.here(text))

    def _environment(self) -> dict[str, str]:
        path = f"{self.directory / 'bin'}:{os.environ['PATH']}:/usr/sbin"
        return self.server.environment | {"HOME": str(self.directory), "PATH": path} | self.variables
