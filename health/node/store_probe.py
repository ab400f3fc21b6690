"""Probe of the bucket store, for this process."""

from ratelimit.stores import BucketStore, BucketStoreError


def fault_of(store: BucketStore) -> BucketStoreError | None:
    """Return why the store accepts nothing, or None. What replaces it in an outage isn't asked."""
    try:
        # This writes, because a full or damaged store may still be readable.
        store.ping()
    except BucketStoreError as error:
        return error
    return None
