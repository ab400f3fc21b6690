"""Whether the bucket store answers this process."""

from typing import Final

from ratelimit.stores import BucketStore, BucketStoreError
from ratelimit.stores.fallback import FallbackStore

_PROBE: Final = b"lk_health"


def fault_of(store: BucketStore) -> BucketStoreError | None:
    """Why the store does not answer, or None. What stands in for it in an outage is not asked."""
    try:
        if isinstance(store, FallbackStore):
            store.ping()
        else:
            store.peek(_PROBE)
    except BucketStoreError as error:
        return error
    return None
