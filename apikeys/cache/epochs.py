"""Publication of epochs to the bucket store: after a change, and again if the store does not have them."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings

from apikeys.cache.key_cache import TTL_SECONDS
from apikeys.change_events import EPOCH_EVENTS
from apikeys.models import APIKey
from events.models import Event
from ratelimit.limiter import Limiter
from ratelimit.stores import BucketStoreError

BATCH: Final = 200
CLOCK_SKEW_SECONDS: Final = 30

log = structlog.get_logger(__name__)


def known_epoch(limiter: Limiter, key_id: str) -> int:
    """Return the epoch that the bucket store knows; 0 if it is down."""
    try:
        return limiter.epoch(key_id)
    except BucketStoreError:
        return 0


def publish_epoch(limiter: Limiter, key_id: str, epoch: int) -> bool:
    """Publish the epoch of a committed change. Return whether that succeeded."""
    try:
        limiter.publish_epoch(key_id, epoch)
    except BucketStoreError:
        # The change is committed. The background worker publishes it once the store is back. Until then other
        # processes learn of it when their record expires.
        log.exception("epoch_publication_failed", key_id=key_id, epoch=epoch)
        return False
    return True


def publish_recent_epochs(limiter: Limiter, now: datetime, should_continue: Callable[[], bool] = lambda: True) -> int:
    """Publish the recent epochs that the store lacks, as long as `should_continue` returns true. Return how many.

    Raises BucketStoreError.
    """
    # No process uses a record older than this. So every usable record includes all earlier changes, and their
    # epochs need no publication.
    window = max(TTL_SECONDS, settings.DIRECTORY_STALE_SECONDS) + CLOCK_SKEW_SECONDS
    published = 0
    for key_ids in _changed_since(now - timedelta(seconds=window)):
        for key_id, epoch in APIKey.objects.filter(key_id__in=key_ids).order_by().values_list("key_id", "epoch"):
            if limiter.epoch(key_id) < epoch:
                limiter.publish_epoch(key_id, epoch)
                published += 1
        if not should_continue():
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
        fresh = {key_id for kind, key_id in recent if kind in EPOCH_EVENTS} - seen
        if fresh:
            seen |= fresh
            yield fresh
        before = page[-1][0]
