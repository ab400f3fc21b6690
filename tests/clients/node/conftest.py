"""The process of Node.js, if a test starts it, ends with the tests."""

from collections.abc import Iterator

import pytest

from tests.clients.node.apps import NODE


@pytest.fixture(scope="session", autouse=True)
def node() -> Iterator[None]:
    yield
    NODE.stop()
