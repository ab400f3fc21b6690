"""The room that a bucket takes in a store, by the store's own account of it, in bytes a key."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.installation import UNLIMITED_LIKE
from benchmarks.redis_server import RedisServer, running
from latchkey.credentials import KEY_ID_ALPHABET
from ratelimit.bucket import Asked
from ratelimit.limit import Limit
from ratelimit.stores import BucketStore, LmdbStore
from ratelimit.stores.lmdb_file import open_file, used_bytes
from ratelimit.stores.redis.address import parse_address
from ratelimit.stores.redis.store import RedisStore

_TOGETHER: Final = 64
"""As many as a worker decides in one step at the most."""

_PATIENCE_SECONDS: Final = 10.0


def redis(keys: int) -> float:
    """What Redis allocates for so many keys, with the index of when each was used. Raises CouldNotMeasure."""
    with running(server := RedisServer()):
        store = RedisStore(parse_address(server.url), timeout=_PATIENCE_SECONDS)
        _take(store, 1)  # the script
        before = server.used_memory()
        _take(store, keys)
        store.close()
        return (server.used_memory() - before) / keys


def lmdb(keys: int) -> float:
    """By how many bytes the pages in use grow, of which those that are free again are a part."""
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
    """Asks once for each of so many keys, in no order."""
    asked = list(_asked(keys))
    for begin in range(0, keys, _TOGETHER):
        store.take_many(asked[begin : begin + _TOGETHER])


def _asked(keys: int) -> Iterator[Asked]:
    random, limit = Random(keys), Limit(**UNLIMITED_LIKE)
    for _ in range(keys):
        yield f"lk_{''.join(random.choices(KEY_ID_ALPHABET, k=12))}".encode(), limit, 1, 1, 0


def _used(path: Path) -> int:
    with closing(open_file(path)) as opened:
        return used_bytes(opened.environment)
