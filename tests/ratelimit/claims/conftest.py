"""The stores that decide claims, each with a clock that the test moves."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from ratelimit.stores import BucketStore, open_store
from tests.conftest import Clock
from tests.support.services import redis_url


@pytest.fixture(params=["memory", "lmdb", pytest.param("redis", marks=pytest.mark.needs("redis"))])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param != "redis":
        yield "memory://" if request.param == "memory" else f"lmdb://{tmp_path / 'buckets'}"
        return
    prefix = f"test-{uuid4().hex}:"
    yield f"{redis_url()}?prefix={prefix}"
    with redis.Redis.from_url(redis_url()) as client:
        for name in client.scan_iter(match=f"*{prefix}*", count=1000):
            client.delete(name)


@pytest.fixture
def store(store_url: str, clock: Clock) -> Iterator[BucketStore]:
    store = open_store(store_url, clock, timeout=10)
    yield store
    store.close()
