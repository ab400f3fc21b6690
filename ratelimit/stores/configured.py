"""The store that the settings name, with what stands in for it."""

from pathlib import Path
from typing import cast

from django.conf import settings

from ratelimit.stores import BucketStore, LmdbStore, open_store
from ratelimit.stores.fallback import Fallback, FallbackStore


def configured_store() -> BucketStore:
    """The store at BUCKET_STORE_URL; one behind a network falls back as BUCKET_STORE_FALLBACK says. Nothing is opened
    yet. Raises ValueError, as `open_store` does.
    """
    store = open_store(settings.BUCKET_STORE_URL, timeout=settings.BUCKET_STORE_TIMEOUT_MS / 1000)
    return _with_fallback(store) if store.remote else store


def _with_fallback(store: BucketStore) -> FallbackStore:
    from ratelimit.stores.redis.leased import Leased  # as in `open_store`
    from ratelimit.stores.redis.on_loop import OnLoop
    from ratelimit.stores.redis.store import RedisStore

    primary = cast(RedisStore, store)  # there is no other that is remote
    mode = Fallback(settings.BUCKET_STORE_FALLBACK)
    local = None if mode is Fallback.DENY else LmdbStore(Path(settings.DATA_DIR) / "fallback-buckets")
    on_loop = OnLoop(primary)
    return FallbackStore(
        primary, local, mode, Leased(on_loop, settings.TOKEN_LEASE) if settings.TOKEN_LEASE else on_loop
    )
