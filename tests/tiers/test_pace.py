"""The fast tests stay fast: one that is slow fails the run, which names it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import pace
from tests.support.commands import ROOT
from tests.support.selection import FAST

PLANTED = """
import pytest
def test_quick(): pass
def test_takes_long(): sum(range(3_000_000))
@pytest.mark.slow("counts far")
def test_says_so(): sum(range(3_000_000))
"""
# Here a start of Latchkey takes no time, so that no test needs to take much.
NO_TIME = """
from tests.support import pace
pace.MOST_STARTS = dict.fromkeys(("setup", "teardown"), 1000) | {"call": 0.01}
pace.start_seconds = lambda: 1.0
pace._UNSUSPICIOUS_SECONDS = 0.0
"""


def test_phases_have_their_own_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "start_seconds", lambda: 1.0)
    most = pace.MOST_STARTS
    seconds = {
        ("starts a server", "setup"): most["setup"] - 0.1,
        ("works long", "call"): most["call"] + 0.1,
        ("sets up too long", "setup"): most["setup"] + 0.1,
        ("quick", "call"): 0.1,
    }
    assert pace.suspects(seconds) == ["sets up too long", "works long"]


def test_quick_run_measures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def start_seconds() -> float:
        raise AssertionError("nothing is suspicious")

    monkeypatch.setattr(pace, "start_seconds", start_seconds)
    assert pace.suspects({("quick", "call"): 1.0}) == []


@pytest.mark.slow("runs pytest")
def test_slow_test_fails_the_fast_run_by_name(tmp_path: Path) -> None:
    (tmp_path / "test_planted.py").write_text(PLANTED)
    (tmp_path / "no_time.py").write_text(NO_TIME)
    options = f"-p no_time -p no:cacheprovider -c {ROOT}/pyproject.toml --rootdir {tmp_path}"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}", "PYTEST_ADDOPTS": options}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", FAST, "test_planted.py"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    slow = [line for line in done.stdout.splitlines() if line.startswith("SLOW ")]
    assert (done.returncode, len(slow)) == (1, 1), done.stdout + done.stderr
    assert "test_planted.py::test_takes_long" in slow[0]
    assert "1  counts far" in done.stdout


@pytest.mark.slow("runs the fast tests of a command")
def test_fast_tests_run_the_command_of_the_tree() -> None:
    """`make test-all` installs the command, so without this test only `make test` would see it."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        FAST,
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/latchkey/cli/test_commands.py",
    ]
    done = subprocess.run([*command, "-k", "whoami"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
