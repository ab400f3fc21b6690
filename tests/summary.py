"""A pytest plugin that tells at the end over which stores a run was, what it left out, and which services it missed."""

from collections.abc import Generator, Sequence
from typing import Any

import pytest

from tests.services import SERVICES
from tests.stores import TITLES, chosen

_OUTPUT = "latchkey"
_left_out = 0
_missed: set[str] = set()


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Counts them: where several processes share the work, pytest itself tells nothing of them."""
    global _left_out
    _left_out += len(items)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Gathers what this process knows; one that works for another hands it over."""
    _missed.update(name for name, service in SERVICES.items() if service.asked and service.missing())
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_OUTPUT] = (_left_out, sorted(_missed))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes over what a process knew that worked for this one. Each has left out the same."""
    global _left_out
    left_out, missed = getattr(node, "workeroutput", {}).get(_OUTPUT, (0, ()))
    _left_out = max(_left_out, left_out)
    _missed.update(missed)


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(terminalreporter: Any) -> Generator[None]:
    """Says what could not be tested, and how to have it."""
    yield
    terminalreporter.section(f"over {TITLES[chosen()]}")
    if _left_out:
        terminalreporter.line(f"{_left_out} tests were left out")
    for name in sorted(_missed):
        terminalreporter.line(f"not tested for want of {SERVICES[name].name}: {SERVICES[name].remedy}")
