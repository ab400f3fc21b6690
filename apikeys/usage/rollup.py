"""Usage rollup: writes a bucket store's counters to the database by minute, hour and day, and counts each request
once.

The counters in a store only ever grow. A high-water mark next to the rows records up to which value they are
written. Rows and mark change in one transaction, so a writer that dies at any point loses nothing and counts
nothing twice. Several stores may count for one key, each with its own marks: the store that all nodes share, and
the store of each node for its outages (ADR 2).
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from django.db import transaction

from apikeys.models import APIKey, Usage, UsageStep, UsageTotal
from apikeys.usage.high_water_marks import NOTHING, Counted, Marks, counters, has_decreased
from apikeys.usage.rows import add, note_last_use
from events.lock_timeout import set_lock_timeout
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
# A request reads its time before its record is written, and clocks may be set back a little. Reading a record
# twice is harmless.
_MARGIN_NS: Final = 120_000_000_000


class UsageLedger:
    """Writes the usage counted by one store to the database, repeatedly.

    Any number of ledgers may run at the same time, for one store or several: nothing is counted twice. The first
    pass reads every key. Later passes only read keys that were used since the previous pass began.
    """

    def __init__(self, store: BucketStore) -> None:
        self._store = store
        self._since_ns = 0

    def write_down(self, go_on: Callable[[], bool] = lambda: True) -> int:
        """Write all usage that is not in the database yet, in batches, as long as `go_on` returns true.

        Return the number of keys that had any. Raises BucketStoreError.
        """
        began_ns = self._store.now_ns()
        if began_ns < self._since_ns:
            # The clock was set back, so times of use can't be compared. Read every key.
            self._since_ns = 0
        marks = Marks.of_store(self._store.generation(), rolls_back=self._store.rolls_back)
        used = self._used()
        written = 0
        while batch := dict(islice(used, BATCH)):
            if not go_on():
                # The next pass reads these keys again.
                return written
            if news := _with_news(batch, marks):
                with transaction.atomic():
                    written += self._write_batch(news, marks)
        self._since_ns = began_ns - _MARGIN_NS
        return written

    def _used(self) -> Iterator[tuple[str, Record]]:
        """Yield the keys that were used since the previous pass began, with their records."""
        for key, record in self._store.scan_records(KEY_PREFIX, self._since_ns):
            if record.used_ns and record.used_ns >= self._since_ns:
                yield key.decode(), record

    def _write_batch(self, records: Mapping[str, Record], marks: Marks) -> int:
        set_lock_timeout()
        # All writers lock in the same order, so they cannot deadlock. Marks are read under the lock, so the
        # difference is what no other writer has added.
        locked = APIKey.objects.filter(key_id__in=records).select_for_update().order_by("pk")
        keys = list(locked.prefetch_related("secrets"))
        known = marks.of_keys(records.keys())
        changed: list[tuple[APIKey, Record]] = []
        unwritten: list[tuple[int, datetime, Counted]] = []
        for key in keys:
            mark, record = known.get(key.key_id, NOTHING), records[key.key_id]
            # The record may also be older than the mark because another writer came in between. Only the store can
            # say which.
            if has_decreased(mark, record):
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
    """Return the keys of the batch whose counters differ from their marks."""
    # Read without locks, so that keys without news don't block other writers.
    known = marks.of_keys(batch.keys())
    return {key_id: record for key_id, record in batch.items() if counters(record) != known.get(key_id, NOTHING)}


def step_start(step: UsageStep, moment: datetime) -> datetime:
    """Return the start of the minute, hour or day (UTC) that contains `moment`."""
    start = moment.replace(second=0, microsecond=0)
    if step is not UsageStep.MINUTE:
        start = start.replace(minute=0)
    return start.replace(hour=0) if step is UsageStep.DAY else start


def forget_old_usage(now: datetime, go_on: Callable[[], bool] = lambda: True) -> int:
    """Delete the rows that are older than RETENTION, in batches, as long as `go_on` returns true. Return how many."""
    forgotten = 0
    for step, retention in RETENTION.items():
        old = Usage.objects.filter(step=step, start__lt=now - retention).order_by("start")
        while go_on() and (batch := list(old.values_list("pk", flat=True)[:PRUNE_BATCH])):
            forgotten += Usage.objects.filter(pk__in=batch).delete()[0]
        UsageTotal.objects.filter(step=step, start__lt=now - retention).delete()
    return forgotten
