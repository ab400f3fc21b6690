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
from apikeys.usage.high_water_marks import NO_USAGE, Counters, Marks, counters, is_below_mark
from apikeys.usage.rows import add_usage, update_last_used
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


class UsageRollup:
    """Rollup that writes the usage counted by one store to the database, repeatedly.

    Any number of rollups may run at the same time, for one store or several: nothing is counted twice. The first
    pass reads every key. Later passes only read keys that were used since the previous pass began.
    """

    def __init__(self, store: BucketStore) -> None:
        self._store = store
        self._since_ns = 0

    def write_pending(self, should_continue: Callable[[], bool] = lambda: True) -> int:
        """Write all usage that is not in the database yet, in batches, as long as `should_continue` returns true.

        Return the number of keys that had any. Raises BucketStoreError.
        """
        started_ns = self._store.now_ns()
        if started_ns < self._since_ns:
            # The clock was set back, so times of use can't be compared. Read every key.
            self._since_ns = 0
        marks = Marks.of_store(self._store.generation(), rolls_back=self._store.rolls_back)
        used = self._used()
        written = 0
        while batch := dict(islice(used, BATCH)):
            if not should_continue():
                # The next pass reads these keys again.
                return written
            if changed := _changed_only(batch, marks):
                with transaction.atomic():
                    written += self._write_batch(changed, marks)
        self._since_ns = started_ns - _MARGIN_NS
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
        unwritten: list[tuple[int, datetime, Counters]] = []
        for key in keys:
            mark, record = known.get(key.key_id, NO_USAGE), records[key.key_id]
            # The record may also be older than the mark because another writer came in between. Only the store can
            # say which.
            if is_below_mark(mark, record):
                record = self._store.peek(key.key_id.encode())
            if counters(record) == mark:
                continue
            changed.append((key, record))
            if (added := marks.unwritten(mark, record)) != NO_USAGE:
                unwritten.append((key.pk, from_ns(record.used_ns), added))
        for step in UsageStep:
            add_usage(step, {pk: (step_start(step, used_at), *added) for pk, used_at, added in unwritten})
        marks.advance(changed)
        update_last_used(changed)
        return len(unwritten)


def _changed_only(batch: Mapping[str, Record], marks: Marks) -> dict[str, Record]:
    """Return the keys of the batch whose counters differ from their marks."""
    # Read without locks, so that unchanged keys don't block other writers.
    known = marks.of_keys(batch.keys())
    return {key_id: record for key_id, record in batch.items() if counters(record) != known.get(key_id, NO_USAGE)}


def step_start(step: UsageStep, moment: datetime) -> datetime:
    """Return the start of the minute, hour or day (UTC) that contains `moment`."""
    start = moment.replace(second=0, microsecond=0)
    if step is not UsageStep.MINUTE:
        start = start.replace(minute=0)
    return start.replace(hour=0) if step is UsageStep.DAY else start


def prune_usage(now: datetime, should_continue: Callable[[], bool] = lambda: True) -> int:
    """Delete the rows that are older than RETENTION, in batches, as long as `should_continue` returns true.

    Return how many.
    """
    deleted = 0
    for step, retention in RETENTION.items():
        old = Usage.objects.filter(step=step, start__lt=now - retention).order_by("start")
        while should_continue() and (batch := list(old.values_list("pk", flat=True)[:PRUNE_BATCH])):
            deleted += Usage.objects.filter(pk__in=batch).delete()[0]
        UsageTotal.objects.filter(step=step, start__lt=now - retention).delete()
    return deleted
