"""The peers' own environment, .venv-bench: made at the first run, and again when what it holds should change."""

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
    """The environment's Python, of the version that runs this. The first call may take a minute."""
    python = _DIRECTORY / "bin" / "python"
    wanted = f"# {sys.version}\n{REQUIREMENTS.read_text(encoding='utf-8')}"
    if not _STAMP.is_file() or _STAMP.read_text(encoding="utf-8") != wanted:
        print(f"Making {_DIRECTORY.name} with what {REQUIREMENTS.relative_to(ROOT)} pins", file=sys.stderr)
        _run(sys.executable, "-m", "venv", "--clear", str(_DIRECTORY))
        _run(str(python), "-m", "pip", "install", "--disable-pip-version-check", "-r", str(REQUIREMENTS))
        _STAMP.write_text(wanted, encoding="utf-8")
    return python


def _run(*command: str) -> None:
    """Runs it with its progress on standard error, as standard output is the report's."""
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        raise CouldNotMeasure(f"{_DIRECTORY.name} could not be made; see above.")
