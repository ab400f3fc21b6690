"""The stores that decide claims, each with a clock that the test moves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ratelimit.stores import BucketStore, open_store
from tests.conftest import Clock


@pytest.fixture(params=["memory", "lmdb"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory://" if request.param == "memory" else f"lmdb://{tmp_path / 'buckets'}"


@pytest.fixture
def store(store_url: str, clock: Clock) -> Iterator[BucketStore]:
    store = open_store(store_url, clock, timeout=10)
    yield store
    store.close()
