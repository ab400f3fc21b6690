"""The installed command, run as a process: in an environment of its own, without Django and without the server."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.latchkey.cli.forked import can_fork, forked
from tests.support.commands import ROOT


def install(python: str, directory: Path) -> Path:
    """Install the package alone, as `pip install .` does, and return the environment's `bin`.

    It is built from a copy, because a build leaves files next to the source.
    """
    source = directory / "source"
    shutil.copytree(ROOT / "latchkey", source / "latchkey", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    environment = directory / "environment"
    subprocess.run([python, "-m", "venv", "--without-pip", environment], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python")]
    subprocess.run([*pip, "install", "--quiet", "--no-compile", source], check=True, capture_output=True)
    return environment / "bin"


def uninstalled(directory: Path) -> Path:
    """Writes the command as `python -m latchkey` is, of this tree and with its environment, and returns its path."""
    program = directory / "latchkey"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from latchkey.cli.main import main\nsys.exit(main())\n"
    )
    program.chmod(0o755)
    return program


@dataclass(frozen=True)
class Ran:
    """How a run ended."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Latchkey:
    """The command, with a server and a key in its environment; `home` is where its configuration would lie."""

    program: Path
    home: Path
    url: str
    api_key: str | None

    def environment(self, more: dict[str, str]) -> dict[str, str]:
        key = {"LATCHKEY_API_KEY": self.api_key} if self.api_key else {}
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "LATCHKEY_URL": self.url, **key, **more}

    def run(self, *arguments: str, typed: str = "", **more: str) -> Ran:
        """Runs it to its end; `typed` is its standard input, `more` are variables of its environment."""
        environment = self.environment(more)
        if can_fork(environment):
            program = [str(self.program), *arguments]
            return Ran(*forked(self.program).run(program, environment, self.home, typed))
        done = subprocess.run(
            [self.program, *arguments],
            input=typed,
            env=environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def json(self, *arguments: str, **more: str) -> Any:
        """The JSON that a run shows that succeeds."""
        ran = self.run("--format", "json", *arguments, **more)
        assert (ran.exit_code, ran.err) == (0, ""), ran
        return ran.json

    @contextmanager
    def running(self, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
        """Starts it; at the end of the block it runs no more."""
        with subprocess.Popen(
            [self.program, *arguments],
            env=self.environment({}),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def at(self, url: str) -> "Latchkey":
        """The same command and key with another server."""
        return Latchkey(self.program, self.home, url, self.api_key)

    def with_key(self, api_key: str | None) -> "Latchkey":
        """The same command and server with another key."""
        return Latchkey(self.program, self.home, self.url, api_key)
