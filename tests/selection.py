"""A pytest plugin that says which tests are part of a run, and in which order they are run."""

import os
from collections.abc import Generator

import pytest

from tests.migrated import drop_migrated
from tests.services import SERVICES
from tests.stores import NEEDED, ON_SERVICES, SERVER_STORES, chosen

# Files that take minutes: where several processes share the work, none of them is to begin last.
_LONG = ("tests/backup/", "tests/gates/test_image.py", "tests/gateway/proxies/", "tests/server/")
# By these fixtures a test has the database of this process, or starts a server with stores of its own.
_OWN = "own_stores"
_OF_STORES = frozenset({"db", "transactional_db", "live_server", _OWN})
STORES_ONLY = "--stores-only"


def pytest_addoption(parser: pytest.Parser) -> None:
    """What a second run of the same suite, over other stores, need not do again."""
    parser.addoption(
        STORES_ONLY, action="store_true", help="leave out what touches no store, or names its stores itself"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marker by which a test names the service that it needs; refuses a run whose stores are not there."""
    config.addinivalue_line("markers", "needs(service): runs where the service answers")
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
    """Puts the long files first, and leaves out what is not wanted."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG))
    if config.getoption(STORES_ONLY):
        config.hook.pytest_deselected(items=[item for item in items if not _touches_stores(item)])
        items[:] = [item for item in items if _touches_stores(item)]


def _touches_stores(item: pytest.Item) -> bool:
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
            if service.required and os.environ.get("REQUIRE_SERVICES") == "1":
                pytest.fail(f"{service.name} is missing: {service.remedy}", pytrace=False)
            pytest.skip(f"{service.name} is missing")
