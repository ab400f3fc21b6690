"""Virtual environment of the other libraries, .venv-bench: created on first use, and recreated when it is outdated."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.failure import CouldNotMeasure

ROOT: Final = Path(__file__).resolve().parent.parent
REQUIREMENTS: Final = Path(__file__).with_name("requirements.txt")
_DIRECTORY: Final = ROOT / ".venv-bench"
_STAMP: Final = _DIRECTORY / "installed"


def peer_python() -> Path:
    """Return the path of the environment's Python, which has the version of the current one.

    The first call can take a minute. Raise CouldNotMeasure if the environment can't be created.
    """
    python = _DIRECTORY / "bin" / "python"
    wanted = f"# {sys.version}\n{REQUIREMENTS.read_text(encoding='utf-8')}"
    if not _STAMP.is_file() or _STAMP.read_text(encoding="utf-8") != wanted:
        print(f"Making {_DIRECTORY.name} with what {REQUIREMENTS.relative_to(ROOT)} pins", file=sys.stderr)
        _run(sys.executable, "-m", "venv", "--clear", str(_DIRECTORY))
        _run(str(python), "-m", "pip", "install", "--disable-pip-version-check", "-r", str(REQUIREMENTS))
        # Written last, so that an interrupted installation is repeated.
        _STAMP.write_text(wanted, encoding="utf-8")
    return python


def _run(*command: str) -> None:
    """Run a command with its output on standard error. Raise CouldNotMeasure if it fails."""
    # Standard output is for the report.
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        raise CouldNotMeasure(f"{_DIRECTORY.name} could not be made; see above.")
