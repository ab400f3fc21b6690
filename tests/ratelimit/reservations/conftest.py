"""The stores that keep reservations, each with a clock that the test moves."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from redis import Redis

from ratelimit.stores import BucketStore, open_store
from tests.conftest import Clock
from tests.ratelimit.reservations.asking import Reserver
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
    store.close()
    if store.remote:
        with closing(Redis.from_url(redis_url())) as client:
            names = list(client.scan_iter(match=f"{store_url.partition('?prefix=')[2]}*", count=1000))
            if names:
                client.delete(*names)


@pytest.fixture
def reserver(bucket_store: BucketStore, clock: Clock) -> Reserver:
    return Reserver(bucket_store, clock)
