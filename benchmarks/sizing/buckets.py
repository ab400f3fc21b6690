"""Size of a bucket in a store, in bytes per key, as reported by the store."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.installation import UNLIMITED_LIKE
from benchmarks.redis_server import RedisServer, running
from latchkey.credentials import KEY_ID_ALPHABET
from ratelimit.bucket import TakeRequest
from ratelimit.limit import Limit
from ratelimit.stores import BucketStore, LmdbStore
from ratelimit.stores.lmdb_file import open_file, used_bytes
from ratelimit.stores.redis.address import parse_address
from ratelimit.stores.redis.store import RedisStore

_TOGETHER: Final = 64
"""Batch size: the maximum that a worker decides in one step."""

_PATIENCE_SECONDS: Final = 10.0


def redis(keys: int) -> float:
    """Return the bytes that Redis allocates per key, including the index by last use. Raise CouldNotMeasure."""
    with running(server := RedisServer()):
        store = RedisStore(parse_address(server.url), timeout=_PATIENCE_SECONDS)
        # Load the script first, which also takes memory.
        _take(store, 1)
        before = server.used_memory()
        _take(store, keys)
        store.close()
        return (server.used_memory() - before) / keys


def lmdb(keys: int) -> float:
    """Return the bytes per key by which the used pages grow, including pages that are free again."""
    with TemporaryDirectory(prefix="latchkey-bench-") as directory:
        path = Path(directory) / "buckets"
        store = LmdbStore(path)
        _take(store, 1)
        store.close()
        before = _used(path)
        _take(store, keys)
        store.close()
        return (_used(path) - before) / keys


def _take(store: BucketStore, keys: int) -> None:
    """Take one token of each of `keys` keys with random IDs."""
    asked = list(_asked(keys))
    for begin in range(0, keys, _TOGETHER):
        store.take_many(asked[begin : begin + _TOGETHER])


def _asked(keys: int) -> Iterator[TakeRequest]:
    random, limit = Random(keys), Limit(**UNLIMITED_LIKE)
    for _ in range(keys):
        yield f"lk_{''.join(random.choices(KEY_ID_ALPHABET, k=12))}".encode(), limit, 1, 1, 0


def _used(path: Path) -> int:
    with closing(open_file(path)) as opened:
        return used_bytes(opened.environment)
