"""Bucket store that the settings name, together with its fallback."""

from pathlib import Path
from typing import cast

from django.conf import settings

from ratelimit.stores import BucketStore, LmdbStore, open_store
from ratelimit.stores.fallback import FallbackStore
from ratelimit.stores.fallback_mode import FallbackMode


def configured_store() -> BucketStore:
    """Return the store at BUCKET_STORE_URL. A remote store gets the fallback that BUCKET_STORE_FALLBACK names.

    No file or connection is opened yet. Raises ValueError as `open_store` does.
    """
    store = open_store(settings.BUCKET_STORE_URL, timeout=settings.BUCKET_STORE_TIMEOUT_MS / 1000)
    return _with_fallback(store) if store.remote else store


def _with_fallback(store: BucketStore) -> FallbackStore:
    # Imported only if needed, because redis-py is slow to import.
    from ratelimit.stores.redis.async_store import AsyncRedisStore
    from ratelimit.stores.redis.leasing_store import LeasingStore
    from ratelimit.stores.redis.store import RedisStore

    # Redis is the only remote store.
    primary = cast(RedisStore, store)
    mode = FallbackMode(settings.BUCKET_STORE_FALLBACK)
    local = None if mode is FallbackMode.DENY else LmdbStore(Path(settings.DATA_DIR) / "fallback-buckets")
    async_store = AsyncRedisStore(primary)
    return FallbackStore(
        primary, local, mode, LeasingStore(async_store, settings.TOKEN_LEASE) if settings.TOKEN_LEASE else async_store
    )
