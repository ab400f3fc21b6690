"""Whether the bucket store works for this process."""

from ratelimit.stores import BucketStore, BucketStoreError


def fault_of(store: BucketStore) -> BucketStoreError | None:
    """Return why the store takes nothing, or None. It is asked to write, as a full or damaged store may still be read;
    what stands in for it in an outage is not asked.
    """
    try:
        store.ping()
    except BucketStoreError as error:
        return error
    return None
