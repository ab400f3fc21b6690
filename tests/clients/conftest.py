"""The processes of Node.js and Go, if a test starts them, end with the tests."""

from collections.abc import Iterator

import pytest

from tests.clients.go.apps import GO
from tests.clients.node.apps import NODE


@pytest.fixture(scope="session", autouse=True)
def programs() -> Iterator[None]:
    yield
    NODE.stop()
    GO.stop()
