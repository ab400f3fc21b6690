"""Runs the tools of requirements-dev.txt."""

import subprocess
import sys
from pathlib import Path

from tests.support.commands import ROOT


def run_tool(name: str, *arguments: str | Path, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    """Run a tool of this environment, whatever its exit status."""
    command = [str(Path(sys.executable).parent / name), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=900)
