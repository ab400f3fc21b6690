"""The marks of use: how far what a bucket store has counted is written down, for each key and each store by itself."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db.models.functions import Now

from apikeys.models import APIKey, UsageMark, UsageSource
from ratelimit.bucket import Record

Counted = tuple[int, int]
"""Requests that were let pass, and those that were throttled."""

NOTHING: Final[Counted] = (0, 0)
GONE_AFTER: Final = timedelta(days=90)
_SEEN_EVERY: Final = timedelta(hours=1)
_PRUNE_BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of one store. Its counters may go back by themselves where `rolls_back` holds: else one that is below
    its mark belongs to a record that was lost and begun anew.
    """

    source: UsageSource
    rolls_back: bool

    @classmethod
    def of_store(cls, generation: str, *, rolls_back: bool) -> "Marks":
        """Those of the store with this generation, of which it is noted to the hour that it is still there: by the
        database's clock, as a host's that is months ahead would have marks forgotten and all use counted again.
        """
        source, _ = UsageSource.objects.get_or_create(generation=generation, defaults={"seen_at": Now()})
        UsageSource.objects.filter(pk=source.pk, seen_at__lt=Now() - _SEEN_EVERY).update(seen_at=Now())
        return cls(source, rolls_back)

    def of_keys(self, key_ids: Collection[str]) -> dict[str, Counted]:
        """What is written down of the keys, by their id; a key without a mark is left out."""
        marks = UsageMark.objects.filter(source=self.source, key__key_id__in=key_ids)
        found = marks.values_list("key__key_id", "allowed", "throttled")
        return {key_id: (allowed, throttled) for key_id, allowed, throttled in found}

    def unwritten(self, mark: Counted, record: Record) -> Counted:
        """Requests of `record` that no row holds yet. None that was written is counted again because a store went back:
        rather a few that it has forgotten are missing.
        """
        if went_back(mark, record) and not self.rolls_back:
            return counters(record)
        return max(record.allowed - mark[0], 0), max(record.throttled - mark[1], 0)

    def move(self, records: Iterable[tuple[APIKey, Record]]) -> None:
        """Makes the counters of the records their keys' marks. Whoever moves a mark holds the lock of its key."""
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
    """What the record has counted."""
    return record.allowed, record.throttled


def went_back(mark: Counted, record: Record) -> bool:
    """Whether a counter of the record is below its mark."""
    return record.allowed < mark[0] or record.throttled < mark[1]


def forget_gone_stores(go_on: Callable[[], bool] = lambda: True) -> int:
    """Deletes the marks of stores that nobody has looked at for 90 days, a batch at a time while `go_on` says so;
    returns how many. A store that came back after that would be counted anew from 0.
    """
    forgotten = 0
    for source in UsageSource.objects.filter(seen_at__lt=Now() - GONE_AFTER):
        marks = UsageMark.objects.filter(source=source)
        while go_on() and (batch := list(marks.values_list("pk", flat=True)[:_PRUNE_BATCH])):
            forgotten += UsageMark.objects.filter(pk__in=batch).delete()[0]
        if not marks.exists():
            source.delete()
    return forgotten
