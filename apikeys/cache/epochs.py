"""Repeated publication of recently changed epochs to a bucket store that does not have them."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from apikeys.cache.key_cache import TTL_SECONDS
from apikeys.models import APIKey
from events.models import Event
from events.types import EventType
from ratelimit.limiter import Limiter

BATCH: Final = 200
CLOCKS_DIFFER_SECONDS: Final = 30

RAISING: Final = frozenset(
    (
        EventType.KEY_UPDATED,
        EventType.RATE_LIMIT_CHANGED,
        EventType.KEY_ROTATED,
        EventType.ROTATION_FINISHED,
        EventType.KEY_DISABLED,
        EventType.KEY_ENABLED,
        EventType.KEY_REVOKED,
    )
)


def publish_recent_epochs(limiter: Limiter, now: datetime, go_on: Callable[[], bool] = lambda: True) -> int:
    """Publish the recent epochs that the store lacks, as long as `go_on` returns true. Return how many.

    Raises BucketStoreError.
    """
    # No process uses a record older than this. So every usable record includes all earlier changes, and their
    # epochs need no publication.
    window = max(TTL_SECONDS, settings.DIRECTORY_STALE_SECONDS) + CLOCKS_DIFFER_SECONDS
    published = 0
    for key_ids in _changed_since(now - timedelta(seconds=window)):
        for key_id, epoch in APIKey.objects.filter(key_id__in=key_ids).order_by().values_list("key_id", "epoch"):
            if limiter.epoch(key_id) < epoch:
                limiter.publish_epoch(key_id, epoch)
                published += 1
        if not go_on():
            break
    return published


def _changed_since(since: datetime) -> Iterator[set[str]]:
    """Yield the keys that changed since then, in batches, the latest change first, each key once."""
    seen: set[str] = set()
    before = None
    while True:
        # Read the event log backwards from its end: recent changes are found without reading the whole log.
        events = Event.objects.order_by("-id").values_list("id", "at", "type", "key_id")
        page = list((events if before is None else events.filter(id__lt=before))[:BATCH])
        recent = [(kind, key_id) for _, at, kind, key_id in page if at >= since]
        if not recent:
            return
        fresh = {key_id for kind, key_id in recent if kind in RAISING} - seen
        if fresh:
            seen |= fresh
            yield fresh
        before = page[-1][0]
