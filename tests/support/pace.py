"""A pytest plugin that keeps the fast tests fast: it names a test that takes as long as several starts of Latchkey do.

The unit is the time of one `manage.py check` on the same machine in the same minute, so a slow machine names nothing.
What a run names is run again alone before it counts, because next to other work any test can be slow once.
"""

import subprocess
import sys
import time
from collections.abc import Generator
from functools import cache
from typing import Any, Final

import pytest

from tests.support.commands import MANAGE
from tests.support.selection import FAST

MOST_STARTS: Final = {"setup": 8, "call": 4, "teardown": 4}
"""How many starts of Latchkey each phase of a fast test may take. A fixture may start a server with four workers."""
NO_HOOKS: Final = "--alone"
_NAMED: Final = "SLOW"
# A run without a longer phase measures nothing: no machine starts Latchkey in less than a third of this.
_UNSUSPICIOUS_SECONDS: Final = 1.5
_MOST_SUSPECTS: Final = 5

_seconds: dict[tuple[str, str], float] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(NO_HOOKS, action="store_true", help="fail if a test takes too long to be a fast one")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember how long each phase of a test took."""
    _seconds[report.nodeid, report.when] = report.duration


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """Fail the run if a fast test is slow; a process that works for another one leaves that to it."""
    yield
    option = session.config.getoption
    if hasattr(session.config, "workerinput") or not (option(FAST) or option(NO_HOOKS)):
        return
    slow = suspects(_seconds)
    if not option(NO_HOOKS):
        slow = [name for name in slow[:_MOST_SUSPECTS] if is_slow_alone(name)]
    if slow:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        session.config.stash[_SLOW] = slow


_SLOW = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for name in config.stash.get(_SLOW, []):
        taken = ", ".join(f"{phase} {_seconds.get((name, phase), 0.0):.1f} s" for phase in MOST_STARTS)
        most = ", ".join(f"{phase} {starts * start_seconds():.1f} s" for phase, starts in MOST_STARTS.items())
        terminalreporter.line(
            f"{_NAMED} {name}: {taken}. The most for a fast test on this machine: {most}."
            " Make it faster, or mark it @pytest.mark.slow(REASON).",
            red=True,
        )


def suspects(seconds: dict[tuple[str, str], float]) -> list[str]:
    """Return the tests with a phase that takes longer than a fast test's may, the slowest first."""
    found: dict[str, float] = {}
    for (name, phase), taken in seconds.items():
        if taken > _UNSUSPICIOUS_SECONDS and taken > MOST_STARTS[phase] * start_seconds():
            found[name] = max(taken, found.get(name, 0.0))
    return sorted(found, key=lambda name: -found[name])


@cache
def start_seconds() -> float:
    """Return how long one start of Latchkey takes, measured once in a process."""
    began = time.monotonic()
    subprocess.run([sys.executable, MANAGE, "check"], capture_output=True, check=False)
    return time.monotonic() - began


def is_slow_alone(name: str) -> bool:
    """Run one test in a process of its own, and return whether it takes too long there too."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", NO_HOOKS, name]
    return f"{_NAMED} {name}:" in subprocess.run(command, capture_output=True, text=True, check=False).stdout
