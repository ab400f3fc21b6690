"""A pytest plugin that says at the end over which stores a run was, what it left out and why, and what was missing."""

from collections import Counter
from collections.abc import Generator, Sequence
from typing import Any

import pytest

from tests.support.selection import FAST, slow_because
from tests.support.services import SERVICES
from tests.support.stores import EMBEDDED, ON_SERVICES, TITLES, chosen

_OUTPUT = "latchkey"
_OTHER = {EMBEDDED: ON_SERVICES, ON_SERVICES: EMBEDDED}
_left_out: Counter[str] = Counter()
_missed: set[str] = set()


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Counts them by reason: if several processes share the work, pytest itself says nothing of them."""
    _left_out.update(slow_because(item) for item in items)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Gathers what this process knows; one that works for another hands it over."""
    _missed.update(name for name, service in SERVICES.items() if service.asked and service.missing())
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_OUTPUT] = (dict(_left_out), sorted(_missed))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes over what a process knew that worked for this one. Each has left out the same."""
    left_out, missed = getattr(node, "workeroutput", {}).get(_OUTPUT, ({}, ()))
    for reason, count in left_out.items():
        _left_out[reason] = max(_left_out[reason], count)
    _missed.update(missed)


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> Generator[None]:
    """Says what was not tested, and how to have it."""
    yield
    terminalreporter.section(f"over {TITLES[chosen()]}")
    slow = {reason: count for reason, count in _left_out.items() if reason}
    if config.getoption(FAST):
        terminalreporter.line(
            f"Left to `make test-all`: {TITLES[_OTHER[chosen()]]}, and {sum(slow.values())} slow tests:"
        )
        for reason, count in sorted(slow.items(), key=lambda row: (-row[1], row[0])):
            terminalreporter.line(f"  {count:4d}  {reason}")
    elif _left_out:
        terminalreporter.line(f"{_left_out.total()} tests were left out")
    for name in sorted(_missed):
        terminalreporter.line(f"Not tested because {SERVICES[name].name} is missing: {SERVICES[name].remedy}")
