"""A pytest plugin that says which tests are part of a run, and in which order they are run."""

import gc
from collections.abc import Generator

import pytest

from tests.support.commands import begin_loading
from tests.support.migrated import drop_migrated
from tests.support.services import SERVICES, must_be_there
from tests.support.stores import NEEDED, ON_SERVICES, SERVER_STORES, chosen

# By these fixtures a test has the database of this process, or starts a server with stores of its own.
_OWN = "own_stores"
_OF_STORES = frozenset({"db", "transactional_db", "live_server", _OWN})
STORES_ONLY = "--stores-only"
FAST = "--fast"


def pytest_addoption(parser: pytest.Parser) -> None:
    """What a second run of the same suite, over other stores, need not do again; and what a first look can spare."""
    parser.addoption(
        STORES_ONLY, action="store_true", help="leave out what touches no store, or names its stores itself"
    )
    parser.addoption(FAST, action="store_true", help="leave out what is marked slow")


def pytest_configure(config: pytest.Config) -> None:
    """Declares the markers by which a test names the service that it needs, and why it is slow; refuses a run whose
    stores are not there.
    """
    config.addinivalue_line("markers", "needs(service): runs where the service answers")
    config.addinivalue_line("markers", "slow(reason): left to `make test-all`")
    config.addinivalue_line(
        "markers", "storeless(what): shows what no store has a part in, so one pair of stores will do"
    )
    if hasattr(config, "workerinput"):
        # While tests are collected: otherwise the first one that runs a command would seem slow.
        begin_loading()
    missing = [service for service in NEEDED if chosen() == ON_SERVICES and service.missing()]
    if missing:
        raise pytest.UsageError("; ".join(f"{service.name} is missing: {service.remedy}" for service in missing))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Drops what the servers of this process had. One that works for another has time for that here, and no more once
    it has told its end.
    """
    SERVER_STORES.drop()
    drop_migrated()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Puts the slow files first, then those that start servers, as none of them is to begin last where several processes
    share the work, and leaves out what is not wanted.
    """
    slow_files = {item.path for item in items if slow_because(item)}
    server_files = {item.path for item in items if _OWN in _fixtures(item)}
    items.sort(key=lambda item: (item.path not in slow_files, item.path not in server_files))
    if config.getoption(STORES_ONLY):
        _leave_out(config, items, [item for item in items if not _touches_stores(item)])
    if config.getoption(FAST):
        _leave_out(config, items, [item for item in items if slow_because(item)])


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Keeps what collection made out of the garbage collector's sight, which would look through it again and again."""
    gc.collect()
    gc.freeze()
    gc.enable()


def slow_because(item: pytest.Item) -> str:
    """Return why a test is slow, or nothing for a fast one. Raise ValueError if it is marked without a reason."""
    marker = item.get_closest_marker("slow")
    if marker is None:
        return ""
    (reason,) = marker.args
    return str(reason)


def _leave_out(config: pytest.Config, items: list[pytest.Item], unwanted: list[pytest.Item]) -> None:
    config.hook.pytest_deselected(items=unwanted)
    left_out = set(unwanted)
    items[:] = [item for item in items if item not in left_out]


def _touches_stores(item: pytest.Item) -> bool:
    if item.get_closest_marker("storeless"):
        return False
    return item.get_closest_marker("django_db") is not None or not _OF_STORES.isdisjoint(_fixtures(item))


def _fixtures(item: pytest.Item) -> list[str]:
    """The names of all fixtures of a test, also of those that they ask for themselves."""
    found: list[str] = getattr(item, "fixturenames", [])
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Lets a server that is started find out whether the test is known to start one."""
    SERVER_STORES.expected = _OWN in _fixtures(item)
    try:
        return (yield)
    finally:
        SERVER_STORES.expected = None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test whose service is missing; with REQUIRE_SERVICES=1 it fails instead."""
    for marker in item.iter_markers("needs"):
        service = SERVICES[marker.args[0]]
        if service.missing():
            if must_be_there(optional=not service.required):
                pytest.fail(f"{service.name} is missing: {service.remedy}", pytrace=False)
            pytest.skip(f"{service.name} is missing")
