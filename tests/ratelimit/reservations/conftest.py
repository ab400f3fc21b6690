"""The stores that keep reservations, each with a clock that the test moves."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from ratelimit.stores import BucketStore, open_store
from tests.conftest import Clock
from tests.ratelimit.reservations.asking import KEY, Reserver
from tests.support.services import redis_url


@pytest.fixture(params=["memory", "lmdb", pytest.param("redis", marks=pytest.mark.needs("redis"))])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "redis":
        return f"{redis_url()}?prefix=test-{uuid4().hex}:"
    return "memory://" if request.param == "memory" else f"lmdb://{tmp_path / 'buckets'}"


@pytest.fixture
def bucket_store(store_url: str, clock: Clock) -> Iterator[BucketStore]:
    store = open_store(store_url, clock, timeout=10)
    yield store
    store.forget(KEY)
    store.close()


@pytest.fixture
def reserver(bucket_store: BucketStore, clock: Clock) -> Reserver:
    return Reserver(bucket_store, clock)
