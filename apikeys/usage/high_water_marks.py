"""High-water marks of usage: up to which value a store's counters are written to the database, per key and store."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db.models.functions import Now

from apikeys.models import APIKey, UsageMark, UsageSource
from ratelimit.bucket import Record

Counted = tuple[int, int]
"""(allowed, throttled): numbers of requests."""

NOTHING: Final[Counted] = (0, 0)
GONE_AFTER: Final = timedelta(days=90)
_SEEN_EVERY: Final = timedelta(hours=1)
_PRUNE_BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class Marks:
    """The high-water marks of one store.

    `rolls_back` says that the store's counters may decrease. In any other store, a counter below its mark belongs
    to a record that was lost and restarted at 0.
    """

    source: UsageSource
    rolls_back: bool

    @classmethod
    def of_store(cls, generation: str, *, rolls_back: bool) -> "Marks":
        """Return the marks of the store with this generation, and record that the store still exists, once an hour."""
        # By the database's clock: a host whose clock is months ahead would cause marks to be deleted, and all
        # usage to be counted again.
        source, _ = UsageSource.objects.get_or_create(generation=generation, defaults={"seen_at": Now()})
        UsageSource.objects.filter(pk=source.pk, seen_at__lt=Now() - _SEEN_EVERY).update(seen_at=Now())
        return cls(source, rolls_back)

    def of_keys(self, key_ids: Collection[str]) -> dict[str, Counted]:
        """Return what is written for the keys, by key ID. Keys without a mark are left out."""
        marks = UsageMark.objects.filter(source=self.source, key__key_id__in=key_ids)
        found = marks.values_list("key__key_id", "allowed", "throttled")
        return {key_id: (allowed, throttled) for key_id, allowed, throttled in found}

    def unwritten(self, mark: Counted, record: Record) -> Counted:
        """Return the requests of `record` that are not in the database yet."""
        if has_decreased(mark, record) and not self.rolls_back:
            return counters(record)
        # If the store went back, for example to a replica that lags behind, requests that it has forgotten may be
        # missing. But none is counted twice.
        return max(record.allowed - mark[0], 0), max(record.throttled - mark[1], 0)

    def move(self, records: Iterable[tuple[APIKey, Record]]) -> None:
        """Set the marks of the keys to the counters of their records. The caller holds the locks of the keys."""
        UsageMark.objects.bulk_create(
            [
                UsageMark(key=key, source=self.source, allowed=record.allowed, throttled=record.throttled)
                for key, record in records
            ],
            update_conflicts=True,
            unique_fields=["key", "source"],
            update_fields=["allowed", "throttled"],
        )


def counters(record: Record) -> Counted:
    """Return the counters of the record: allowed and throttled requests."""
    return record.allowed, record.throttled


def has_decreased(mark: Counted, record: Record) -> bool:
    """Return whether a counter of the record is below its mark."""
    return record.allowed < mark[0] or record.throttled < mark[1]


def forget_gone_stores(go_on: Callable[[], bool] = lambda: True) -> int:
    """Delete the marks of stores that were not read for 90 days, in batches, as long as `go_on` returns true.

    Return how many. A store that comes back later is counted again from 0.
    """
    forgotten = 0
    for source in UsageSource.objects.filter(seen_at__lt=Now() - GONE_AFTER):
        marks = UsageMark.objects.filter(source=source)
        while go_on() and (batch := list(marks.values_list("pk", flat=True)[:_PRUNE_BATCH])):
            forgotten += UsageMark.objects.filter(pk__in=batch).delete()[0]
        if not marks.exists():
            source.delete()
    return forgotten
