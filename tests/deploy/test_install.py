"""How `make` installs: with uv if it is there, otherwise with pip, and never silently."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import install
from tests.support.commands import ROOT
from tests.support.services import unavailable

LINES = """\
Looking in links: /packages
Processing /packages/lmdb-3.0.0-cp311-cp311-linux_x86_64.whl (from -r requirements.txt (line 1))
Collecting django==5.2.19 (from -r requirements.txt (line 2))
  Downloading django-5.2.19-py3-none-any.whl (8.3 MB)
Installing collected packages: lmdb, django
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_terminal_shows_each_package_in_one_line() -> None:
    out = Terminal()
    install._show_progress(io.StringIO(LINES), 3, out)
    shown = [part.removeprefix("\x1b[K") for part in out.getvalue().split("\r")]
    assert shown == [
        "",
        "  1 of 3 packages: lmdb",
        "  2 of 3 packages: django",
        "  2 packages are here; unpacking them\n",
    ]


def test_log_shows_every_tenth_package() -> None:
    out = io.StringIO()
    install._show_progress(io.StringIO("".join(f"Collecting p{n}==1\n" for n in range(1, 25))), 30, out)
    assert out.getvalue() == "  10 of 30 packages: p10\n  20 of 30 packages: p20\n"


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock with one small package of ours."""
    [pinned] = re.findall(r"^sqlparse==(?:.*\\\n)+.*$", (ROOT / "requirements.txt").read_text(), flags=re.MULTILINE)
    path = tmp_path / "lock.txt"
    path.write_text(f"{pinned}\n")
    return path


@pytest.mark.slow("makes environments")
@pytest.mark.parametrize("uv", ["missing", "works", "fails"])
def test_environment_has_what_the_lock_pins(uv: str, lock: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    if uv == "works":
        (programs / "uv").symlink_to(Path(sys.executable).with_name("uv"))
    if uv == "fails":
        (programs / "uv").write_text("#!/bin/sh\nexit 1\n")
        (programs / "uv").chmod(0o755)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv/bin/python"
    done = subprocess.run(
        [python, "-m", "deploy.install", lock],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{programs}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        unavailable(f"no index: {done.stderr}")
    assert ("uv failed; trying pip" in done.stdout) == (uv == "fails")
    assert ("packages are here" in done.stdout) == (uv != "works")
    subprocess.run([python, "-c", "import sqlparse"], check=True)


@pytest.mark.slow("makes an environment")
def test_wrong_hash_installs_nothing(lock: Path, tmp_path: Path) -> None:
    lock.write_text(re.sub(r"sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", lock.read_text()))
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv/bin/python"
    done = subprocess.run([python, "-m", "deploy.install", lock], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode != 0
    assert subprocess.run([python, "-c", "import sqlparse"], capture_output=True, check=False).returncode != 0
