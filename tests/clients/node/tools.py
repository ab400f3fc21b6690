"""The package in clients/node, built and packed as its users get it, and the programs of these tests, in build/node/."""

import fcntl
import hashlib
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
PACKAGE: Final = ROOT / "clients/node"
PROGRAMS: Final = Path(__file__).parent / "programs"
PLACE: Final = ROOT / "build/node"
MODULES: Final = PLACE / "node_modules"
INSTALLED: Final = MODULES / "@latchkey/node"
_LOCKS: Final = (PACKAGE / "package.json", PACKAGE / "package-lock.json")
_MINIMUM: Final = (20, 19)
_LONGEST_SECONDS: Final = 300


def install() -> bool:
    """Install what package-lock.json pins, once for each state of it. Return whether it's there."""
    if not _has_node():
        return False
    with _stamped("installed", _LOCKS) as is_done:
        if is_done():
            return True
        for lock in _LOCKS:
            shutil.copy(lock, PLACE)
        try:
            _run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
        except (AssertionError, subprocess.TimeoutExpired) as error:
            print(error)
            return False
        is_done(mark=True)
    return True


def build() -> Path:
    """Build the package and the programs, once for each state of them. Return the directory of the programs.

    Raises AssertionError with what the compiler says, for example about a type.
    """
    sources = [path for folder in (PACKAGE / "src", PROGRAMS) for path in sorted(folder.iterdir())]
    sources += [*_LOCKS, PACKAGE / "tsconfig.json", PACKAGE / "README.md"]
    place = PLACE / "programs"
    with _stamped("built", sources) as is_done:
        if is_done():
            return place
        for folder in ("src", "dist", "programs", "node_modules/@latchkey"):
            shutil.rmtree(PLACE / folder, ignore_errors=True)
        shutil.copytree(PACKAGE / "src", PLACE / "src")
        shutil.copytree(PROGRAMS, place)
        for name in ("tsconfig.json", "README.md", "LICENSE"):
            shutil.copy(PACKAGE / name, PLACE)
        INSTALLED.parent.mkdir(parents=True)
        archive = _run("npm", "pack", "--silent").split()[-1]
        with tarfile.open(PLACE / archive) as packed:
            packed.extractall(INSTALLED.parent, filter="data")
        (INSTALLED.parent / "package").rename(INSTALLED)
        _run("node", MODULES / "typescript/bin/tsc", "--project", "programs")
        is_done(mark=True)
    return place


def _has_node() -> bool:
    if shutil.which("node") is None or shutil.which("npm") is None:
        return False
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    major, minor, *_ = version.removeprefix("v").split(".")
    return (int(major), int(minor)) >= _MINIMUM


class _Stamp:
    """File that says for which state of its sources a step was done. Other processes wait while this one has it."""

    def __init__(self, path: Path, digest: str) -> None:
        self.file = path.open("a+")
        fcntl.flock(self.file, fcntl.LOCK_EX)
        self._digest = digest

    def __call__(self, *, mark: bool = False) -> bool:
        """Return whether the step is done. With `mark`, note that it is."""
        if mark:
            self.file.truncate(0)
            self.file.write(self._digest)
        self.file.seek(0)
        return self.file.read() == self._digest


@contextmanager
def _stamped(name: str, sources: Iterable[Path]) -> Iterator[_Stamp]:
    PLACE.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    stamp = _Stamp(PLACE / name, digest)
    with stamp.file:
        yield stamp


def _run(*command: str | Path) -> str:
    """Return what a tool printed. Fail with it unless the tool succeeds."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=PLACE, capture_output=True, text=True, check=False, timeout=_LONGEST_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
