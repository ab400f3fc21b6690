"""The ledger of use: writes a bucket store's counters down by minute, hour and day, each request once.

The counters in a store only ever grow, and a mark beside the rows says how far they are written down; rows and mark
move in one transaction. So a writer that dies at any point loses nothing and counts nothing twice. Several stores may
count for one key, each with marks of its own: that which all nodes share, and each node's own for its outages.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from django.db import transaction

from apikeys.models import APIKey, Usage, UsageStep, UsageTotal
from apikeys.usage_marks import NOTHING, Counted, Marks, counters, went_back
from apikeys.usage_rows import add, note_last_use
from events.lock_wait import bound_lock_waits
from latchkey.timestamps import from_ns
from ratelimit.bucket import Record
from ratelimit.stores import BucketStore
from ratelimit.stores.base import KEY_PREFIX

BATCH: Final = 500
PRUNE_BATCH: Final = 1000
RETENTION: Final = {
    UsageStep.MINUTE: timedelta(days=2),
    UsageStep.HOUR: timedelta(days=90),
    UsageStep.DAY: timedelta(days=5 * 366),
}
# A request reads its time before it is written, and clocks step back a little: what is looked at twice costs nothing.
_MARGIN_NS: Final = 120_000_000_000


class UsageLedger:
    """Writes the use that one store has counted down, time and again. Any number may overlap, of one store or of
    several: nothing is counted twice.

    The first pass looks at every key; later ones only at keys that were used since the pass before began.
    """

    def __init__(self, store: BucketStore) -> None:
        self._store = store
        self._since_ns = 0

    def write_down(self, go_on: Callable[[], bool] = lambda: True) -> int:
        """Writes all use that is not yet written down, a batch at a time while `go_on` says so; returns the number of
        keys that had any. Raises BucketStoreError.
        """
        began_ns = self._store.now_ns()
        if began_ns < self._since_ns:
            self._since_ns = 0  # the clock stepped back, so times of use cannot be compared: look at every key
        marks = Marks.of_store(self._store.generation(), rolls_back=self._store.rolls_back)
        used = self._used()
        written = 0
        while batch := dict(islice(used, BATCH)):
            if not go_on():
                return written  # the next pass looks at these again
            if news := _with_news(batch, marks):
                with transaction.atomic():
                    written += self._write_batch(news, marks)
        self._since_ns = began_ns - _MARGIN_NS
        return written

    def _used(self) -> Iterator[tuple[str, Record]]:
        for key, record in self._store.usage(KEY_PREFIX, self._since_ns):
            if record.used_ns and record.used_ns >= self._since_ns:
                yield key.decode(), record

    def _write_batch(self, records: Mapping[str, Record], marks: Marks) -> int:
        bound_lock_waits()
        # Locked in one order. Marks are read under the lock, so what is added is what no other writer has added.
        locked = APIKey.objects.filter(key_id__in=records).select_for_update().order_by("pk")
        keys = list(locked.prefetch_related("secrets"))
        known = marks.of_keys(records.keys())
        changed: list[tuple[APIKey, Record]] = []
        unwritten: list[tuple[int, datetime, Counted]] = []
        for key in keys:
            mark, record = known.get(key.key_id, NOTHING), records[key.key_id]
            if went_back(mark, record):  # or another writer has come between: only the store can tell
                record = self._store.peek(key.key_id.encode())
            if counters(record) == mark:
                continue
            changed.append((key, record))
            if (added := marks.unwritten(mark, record)) != NOTHING:
                unwritten.append((key.pk, from_ns(record.used_ns), added))
        for step in UsageStep:
            add(step, {pk: (step_start(step, used_at), *added) for pk, used_at, added in unwritten})
        marks.move(changed)
        note_last_use(changed)
        return len(unwritten)


def _with_news(batch: Mapping[str, Record], marks: Marks) -> dict[str, Record]:
    """The keys of the batch whose counters are not those of their mark: looked at without holding anybody up."""
    known = marks.of_keys(batch.keys())
    return {key_id: record for key_id, record in batch.items() if counters(record) != known.get(key_id, NOTHING)}


def step_start(step: UsageStep, moment: datetime) -> datetime:
    """The beginning of the minute, hour or day of UTC in which `moment` lies."""
    start = moment.replace(second=0, microsecond=0)
    if step is not UsageStep.MINUTE:
        start = start.replace(minute=0)
    return start.replace(hour=0) if step is UsageStep.DAY else start


def forget_old_usage(now: datetime, go_on: Callable[[], bool] = lambda: True) -> int:
    """Deletes rows that are older than RETENTION says, a batch at a time while `go_on` says so; returns how many."""
    forgotten = 0
    for step, retention in RETENTION.items():
        old = Usage.objects.filter(step=step, start__lt=now - retention).order_by("start")
        while go_on() and (batch := list(old.values_list("pk", flat=True)[:PRUNE_BATCH])):
            forgotten += Usage.objects.filter(pk__in=batch).delete()[0]
        UsageTotal.objects.filter(step=step, start__lt=now - retention).delete()
    return forgotten
