"""The tools that read the OpenAPI document, installed as their locks say: in a Python environment of their own, and by npm.

Their environment is not that of the tests: the generator of clients wants other versions of what the CLI uses.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent
LOCKS: Final = (ROOT / "requirements-openapi.txt", HERE / "package.json", HERE / "package-lock.json")
INSTALLED: Final = ROOT / "build/openapi"
PYTHON: Final = INSTALLED / "venv/bin"
NPM: Final = INSTALLED / "node_modules/.bin"
_LONGEST_SECONDS: Final = 900


def install() -> bool:
    """Install the tools, once for each state of their locks. Return whether they are there."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(b"".join(lock.read_bytes() for lock in LOCKS)).hexdigest()
    with (INSTALLED / "installed").open("a+") as stamp:
        fcntl.flock(stamp, fcntl.LOCK_EX)  # processes of one run may want them at the same time
        stamp.seek(0)
        if stamp.read() == digest:
            return True
        if shutil.which("npm") is None or not all(_succeeds(command) for command in _commands()):
            return False
        stamp.truncate(0)
        stamp.write(digest)
    return True


def _commands() -> list[list[str]]:
    uv = str(Path(sys.executable).with_name("uv"))
    for lock in LOCKS[1:]:
        shutil.copy(lock, INSTALLED)
    return [
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(PYTHON.parent)],
        [uv, "pip", "install", "--quiet", "--python", str(PYTHON / "python"), "--require-hashes", "-r", str(LOCKS[0])],
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(INSTALLED)],
    ]


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, cwd=INSTALLED, check=False, timeout=_LONGEST_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def run(*command: str | Path, environment: dict[str, str] | None = None, cwd: Path = INSTALLED) -> str:
    """Return what a tool printed. Fail with it unless the tool succeeds."""
    path = os.pathsep.join([str(PYTHON), str(NPM), os.environ["PATH"]])
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, "PATH": path, "NODE_PATH": str(INSTALLED / "node_modules"), **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=_LONGEST_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
