"""`python -m deploy.install LOCK`: installs what a lock pins into this environment, and shows the progress."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO, Final, TextIO

_PINNED: Final = re.compile(r"^[\w.-]+(\[[\w,]+\])?==", re.MULTILINE)
# A package of an index, or one of a local directory.
_COLLECTED: Final = re.compile(r"Collecting ([\w.-]+)|Processing .*/([\w.]+)-")
_EACH: Final = 10
"""How many packages one line of output is for, if the output isn't a terminal."""


def install(lock: Path) -> int:
    """Install with uv, which is faster, or with pip if uv is missing or fails. Return the exit status."""
    if uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--python", sys.executable, "--require-hashes", "-r", str(lock)]
        if subprocess.run(command, check=False).returncode == 0:  # noqa: S603 - our own command
            return 0
        # pip may have a configuration of its own, for example the address of an index.
        print("uv failed; trying pip", flush=True)
    return _install_with_pip(lock)


def _install_with_pip(lock: Path) -> int:
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-compile"]
    command += ["--progress-bar", "off", "--require-hashes", "-r", str(lock)]
    pinned = len(_PINNED.findall(lock.read_text(encoding="utf-8")))
    unbuffered = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=unbuffered, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        _show_progress(process.stdout, pinned, sys.stdout)
    return process.returncode


def _show_progress(lines: IO[str], pinned: int, out: TextIO) -> None:
    """Count the packages that pip reports: in one line on a terminal, otherwise in a line for every tenth."""
    count = 0
    for line in lines:
        if found := _COLLECTED.match(line):
            count += 1
            text = f"  {count} of {pinned} packages: {found[1] or found[2]}"
            if out.isatty():
                out.write(f"\r\x1b[K{text}")
            elif count % _EACH == 0:
                out.write(f"{text}\n")
        elif line.startswith("Installing collected packages"):
            out.write("\r\x1b[K" if out.isatty() else "")
            out.write(f"  {count} packages are here; unpacking them\n")
        out.flush()


if __name__ == "__main__":
    sys.exit(install(Path(sys.argv[1])))
