"""The tree that is judged, and the tools that judge it."""

import os
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
NO_SOURCE: Final = frozenset(("build", "dist", "var"))
LONGEST_RUN: Final = 900


class NoAnswer(Exception):
    """A tool is not installed, or does not end as it should: nothing is known."""


def python_files(root: Path) -> list[Path]:
    """Every module below `root`, but those of environments and caches, in directories that begin with a dot."""
    return sorted(_python_files(root))


def _python_files(directory: Path) -> Iterator[Path]:
    for entry in directory.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            if not entry.name.startswith(".") and entry.name not in NO_SOURCE:
                yield from _python_files(entry)
        elif entry.suffix == ".py":
            yield entry


def packages(root: Path) -> list[Path]:
    """The packages at the top of the tree."""
    return sorted(path.parent for path in root.glob("*/__init__.py"))


def run_tool(
    name: str,
    *arguments: str | Path,
    exits: Collection[int] = (0, 1),
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a tool that is installed beside this Python.

    `exits` are those after which what it printed is whole; with any other one, and where it is not there or does not
    end, NoAnswer is raised. `env` is added to the environment.
    """
    program = Path(sys.executable).parent / name
    command = [str(program), *map(str, arguments)]
    whole = {**os.environ, **(env or {})}
    try:
        done = subprocess.run(  # noqa: S603 - a tool of the lock, with arguments of ours
            command, cwd=cwd, env=whole, capture_output=True, text=True, check=False, timeout=LONGEST_RUN
        )
    except FileNotFoundError:
        raise NoAnswer(f"{name} is not installed: requirements-dev.txt has it") from None
    except OSError as error:
        raise NoAnswer(f"{name} cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"{name} did not end within {LONGEST_RUN} s") from None
    if done.returncode not in exits:
        how = f"was ended by signal {-done.returncode}" if done.returncode < 0 else f"ended with {done.returncode}"
        raise NoAnswer(f"{name} {how}: {' '.join(done.stderr.split()) or 'it said nothing'}")
    return done


def with_tool(own: list[str], ask: Callable[[], list[str]]) -> list[str]:
    """What our own rules found, and what a tool finds: where that does not answer, what was found stands alone.

    Raises NoAnswer where nothing was found and the tool does not answer.
    """
    try:
        return [*own, *ask()]
    except NoAnswer:
        if own:
            return own
        raise


def last_line(text: str) -> str:
    """The last line that says something: where most tools put why they ended."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
