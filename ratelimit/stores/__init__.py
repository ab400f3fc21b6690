"""Where buckets are kept, and the way from a BUCKET_STORE_URL to one."""

from pathlib import Path
from typing import Final

from ratelimit.stores.base import WALL_CLOCK, BucketStore, BucketStoreError, Clock
from ratelimit.stores.lmdb import LmdbStore
from ratelimit.stores.memory import MemoryStore
from ratelimit.stores.redis.address import TIMEOUT_SECONDS, parse_address

__all__ = ["BucketStore", "BucketStoreError", "LmdbStore", "MemoryStore", "open_store"]

_REDIS: Final = ("redis", "rediss")


def open_store(url: str, clock: Clock | None = None, *, timeout: float = TIMEOUT_SECONDS) -> BucketStore:
    """The store at `url`: `lmdb://PATH` (lmdb:///absolute or lmdb://relative), `redis://` and `rediss://` as
    `ratelimit.stores.redis.address` says, or `memory://`. `timeout` is how many seconds a store behind a network has
    for one answer.

    Nothing is opened yet. Raises ValueError for any other address; its message shows nothing of the URL, as that may
    hold a password.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "memory" and not rest:
        return MemoryStore(clock or WALL_CLOCK)
    if separator and scheme == "lmdb" and rest:
        return LmdbStore(Path(rest), clock or WALL_CLOCK)
    if separator and scheme in _REDIS:
        # Whoever keeps buckets on this host does without the library, which takes a fifth of the start.
        from ratelimit.stores.redis.store import RedisStore

        return RedisStore(parse_address(url), clock, timeout)
    raise ValueError("must be lmdb://PATH, redis://HOST, rediss://HOST or memory://")
