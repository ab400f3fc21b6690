"""The processes of Node.js and Go, if a test starts them, end with the tests."""

from collections.abc import Iterator

import pytest

from tests.clients.go.apps import GO
from tests.clients.go.behind import expect_failures
from tests.clients.node.apps import NODE


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    expect_failures(items)


@pytest.fixture(scope="session", autouse=True)
def programs() -> Iterator[None]:
    yield
    NODE.stop()
    GO.stop()
