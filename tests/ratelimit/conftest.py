"""Fixtures that tests of the bucket stores share."""

from collections.abc import Iterator

import pytest

from tests.support.redis_server import RedisServer, running


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A Redis that a test may stop and start."""
    one = RedisServer()
    with running(one):
        yield one
