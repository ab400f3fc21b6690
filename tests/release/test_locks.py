"""The locks are what `make lock` compiles from pyproject.toml."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import ROOT
from tests.support.services import unavailable

OWN_ENVIRONMENTS = ("requirements-openapi.txt", "requirements-go.txt", "requirements-docs.txt")
LOCKS = ("requirements.txt", "requirements-dev.txt", *OWN_ENVIRONMENTS)


@pytest.mark.parametrize("name", LOCKS)
def test_lines_pin_by_hash_and_name_no_index(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    lines = re.sub(r"\s*\\\n\s*", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    assert lines
    pinned = re.compile(r"[\w.-]+(\[[\w,]+\])?==[\w.+]+( ; [\w.*'<>=! ()]+?)?( --hash=sha256:[0-9a-f]{64})+")
    assert [line for line in lines if not pinned.fullmatch(line)] == []


@pytest.mark.slow("compiles the locks")
def test_make_lock_changes_nothing(tmp_path: Path) -> None:
    """A newer version of a package changes nothing, because uv keeps what a lock pins."""
    for name in ("Makefile", "pyproject.toml", *LOCKS):
        shutil.copy(ROOT / name, tmp_path)
    environment = f"VENV={sys.prefix}"
    command = ["make", environment, "--assume-old", f"{sys.prefix}/installed-dev", "lock"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if done.returncode and "No solution found" not in done.stderr:
        unavailable(f"no index: {done.stderr}")
    assert done.returncode == 0, done.stderr
    for name in LOCKS:
        assert (tmp_path / name).read_text(encoding="utf-8") == (ROOT / name).read_text(encoding="utf-8")
