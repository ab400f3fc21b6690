"""Where buckets are kept, and the way from a BUCKET_STORE_URL to one."""

from pathlib import Path

from ratelimit.stores.base import WALL_CLOCK, BucketStore, BucketStoreError, Clock
from ratelimit.stores.lmdb import LmdbStore
from ratelimit.stores.memory import MemoryStore

__all__ = ["BucketStore", "BucketStoreError", "LmdbStore", "MemoryStore", "open_store"]


def open_store(url: str, clock: Clock = WALL_CLOCK) -> BucketStore:
    """The store at `url`: `lmdb://PATH` (lmdb:///absolute or lmdb://relative) or `memory://`.

    Nothing is opened yet. Raises ValueError for any other address; its message names the schemes and not the URL.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "memory" and not rest:
        return MemoryStore(clock)
    if separator and scheme == "lmdb" and rest:
        return LmdbStore(Path(rest), clock)
    raise ValueError("must be lmdb://PATH or memory://")
