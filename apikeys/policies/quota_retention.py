"""Retention of what is used of quotas: rows of periods that ended long ago, and of keys and owners that are gone."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from apikeys.models import APIKey, Owner, QuotaUse
from apikeys.policies.quota_rows import subject_of
from ratelimit.claim import FOREVER_S
from ratelimit.limiter import Limiter

KEPT: Final = timedelta(days=90)
BATCH: Final = 200


class QuotaRetention:
    """Deletes rows of quotas, in batches. It remembers how far it has looked at those that never end."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self._after = 0

    def prune(self, now: datetime, should_continue: Callable[[], bool] = lambda: True) -> int:
        """Delete the rows that no one needs, as long as `should_continue` returns true. Return how many.

        Raises BucketStoreError.
        """
        deleted = self._prune_ended(now, should_continue)
        if should_continue():
            deleted += self._prune_gone(now)
        return deleted

    def _prune_ended(self, now: datetime, should_continue: Callable[[], bool]) -> int:
        ended = QuotaUse.objects.filter(updated_at__lt=now - KEPT, ends_s__lt=int((now - KEPT).timestamp()))
        deleted = 0
        while should_continue() and (batch := list(ended.order_by("updated_at").values_list("pk", flat=True)[:BATCH])):
            # A writer may have begun the next period meanwhile.
            deleted += ended.filter(pk__in=batch).delete()[0]
        return deleted

    def _prune_gone(self, now: datetime) -> int:
        """Delete those of the next BATCH rows without an end whose key was revoked long ago or whose owner is gone,
        with their counters in the store.
        """
        endless = QuotaUse.objects.filter(ends_s=FOREVER_S, updated_at__lt=now - KEPT, pk__gt=self._after)
        rows = list(endless.order_by("pk")[:BATCH])
        self._after = rows[-1].pk if len(rows) == BATCH else 0
        gone = _gone(rows, now)
        for row in gone:
            self._limiter.store.forget(row.counter.encode())
        return QuotaUse.objects.filter(pk__in=[row.pk for row in gone]).delete()[0]


def _gone(rows: Sequence[QuotaUse], now: datetime) -> list[QuotaUse]:
    subjects = {row: subject_of(row.counter) for row in rows}
    key_ids = [subject for is_key, subject, _ in subjects.values() if is_key]
    owners = [int(subject) for is_key, subject, _ in subjects.values() if not is_key]
    # What was reserved with a key may be settled after it was revoked.
    kept_keys = APIKey.objects.filter(key_id__in=key_ids).exclude(revoked_at__lt=now - KEPT)
    kept = {*kept_keys.values_list("key_id", flat=True)}
    kept |= {str(pk) for pk in Owner.objects.filter(pk__in=owners).values_list("pk", flat=True)}
    return [row for row, (_, subject, _) in subjects.items() if subject not in kept]
