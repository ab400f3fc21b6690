"""Bucket stores, and the function that returns the store for a BUCKET_STORE_URL."""

from pathlib import Path
from typing import Final

from ratelimit.stores.base import WALL_CLOCK, BucketStore, BucketStoreError, Clock
from ratelimit.stores.lmdb import LmdbStore
from ratelimit.stores.memory import MemoryStore
from ratelimit.stores.redis.address import TIMEOUT_SECONDS, parse_address

__all__ = ["BucketStore", "BucketStoreError", "LmdbStore", "MemoryStore", "open_store"]

_REDIS: Final = ("redis", "rediss")


def open_store(url: str, clock: Clock | None = None, *, timeout: float = TIMEOUT_SECONDS) -> BucketStore:
    """Return the store at `url`. It opens no file or connection yet.

    Supported are `lmdb://PATH` (lmdb:///absolute or lmdb://relative), `redis://` and `rediss://` as described in
    `ratelimit.stores.redis.address`, and `memory://`. `timeout` is how many seconds a remote store has for one
    response. Raises ValueError for any other address.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "memory" and not rest:
        return MemoryStore(clock or WALL_CLOCK)
    if separator and scheme == "lmdb" and rest:
        return LmdbStore(Path(rest), clock or WALL_CLOCK)
    if separator and scheme in _REDIS:
        # Import redis-py only if it is needed: the import takes a fifth of the start time.
        from ratelimit.stores.redis.store import RedisStore

        return RedisStore(parse_address(url), clock, timeout)
    # The message must not contain the URL, because that may hold a password.
    raise ValueError("must be lmdb://PATH, redis://HOST, rediss://HOST or memory://")
