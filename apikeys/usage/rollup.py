"""Usage rollup: writes a bucket store's counters to the database and counts each request once.

The counters in a store only ever grow. A high-water mark next to the rows records up to which value they are
written. Rows and mark change in one transaction, so a writer that dies at any point loses nothing and counts
nothing twice. Several stores may count for one key, each with its own marks: the store that all nodes share, and
the store of each node for its outages (ADR 2, ADR 13).
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from time import monotonic
from typing import Final

from django.db import transaction

from apikeys.usage.batch import Counted, keep_others_out, write_batch
from apikeys.usage.batch_size import BatchSize
from apikeys.usage.high_water_marks import source_of
from ratelimit.bucket import Record
from ratelimit.stores import BucketStore
from ratelimit.stores.base import KEY_PREFIX

# Each key is read from the store while other writers wait, and a store on the network takes its time.
CONFIRMED_BATCH: Final = 20
PAUSE_TO_WORK: Final = 3
"""After a pass, the next one is due once this many times its duration have passed: it takes a quarter of the time."""
# A request reads its time before its record is written, and clocks may be set back a little. Reading a record
# twice is harmless.
_MARGIN_NS: Final = 120_000_000_000


class UsageRollup:
    """Rollup that writes the usage counted by one store to the database, repeatedly.

    Any number of rollups may run at the same time, for one store or several: nothing is counted twice. The first
    pass reads every key. Later passes only read keys that were used since the previous pass began. `elapsed` is a
    clock in seconds that never steps.
    """

    def __init__(self, store: BucketStore, *, elapsed: Callable[[], float] = monotonic) -> None:
        self._store = store
        self._elapsed = elapsed
        self._since_ns = 0
        self._due_at = 0.0
        self._size = BatchSize()

    def write_if_due(self, should_continue: Callable[[], bool] = lambda: True) -> int:
        """Do `write_pending`, unless the last pass took long and ended a short time ago.

        Under load, passes are rarer and larger, and take a quarter of the time at most.
        """
        began = self._elapsed()
        if began < self._due_at:
            return 0
        try:
            return self.write_pending(should_continue)
        finally:
            ended = self._elapsed()
            self._due_at = ended + PAUSE_TO_WORK * (ended - began)

    def write_pending(self, should_continue: Callable[[], bool] = lambda: True) -> int:
        """Write all usage that is not in the database yet, in batches, as long as `should_continue` returns true.

        Return the number of keys that had any. Raises BucketStoreError.
        """
        started_ns = self._store.now_ns()
        if started_ns < self._since_ns:
            # The clock was set back, so times of use can't be compared. Read every key.
            self._since_ns = 0
        source = source_of(self._store.generation())
        used = self._used()
        written = overtaken = 0
        while batch := dict(islice(used, self._size.keys)):
            if not should_continue():
                # The next pass reads these keys again.
                return written
            result = write_batch(Counted(batch, source, self._store.rolls_back))
            if result.used:
                self._size.record(len(batch), result.locked_seconds)
            written += result.used + self._write_confirmed(result.below, source)
            overtaken += result.overtaken
        # Another writer was faster with some keys, perhaps with older counters. Read them again.
        if not overtaken:
            self._since_ns = started_ns - _MARGIN_NS
        return written

    def _used(self) -> Iterator[tuple[str, Record]]:
        """Yield the keys that were used since the previous pass began, with their records."""
        for key, record in self._store.scan_records(KEY_PREFIX, self._since_ns):
            if record.used_ns and record.used_ns >= self._since_ns:
                yield key.decode(), record

    def _write_confirmed(self, key_ids: Sequence[str], source: int) -> int:
        """Write the keys whose counters were below their marks, from records that are newer than their marks.

        Return the number of keys that had any requests.
        """
        written = 0
        for first in range(0, len(key_ids), CONFIRMED_BATCH):
            with transaction.atomic():
                # While this transaction keeps other writers out, no mark can be newer than these records. So if a
                # counter is still below its mark, the store went back.
                keep_others_out()
                records = {name: self._store.peek(name.encode()) for name in key_ids[first : first + CONFIRMED_BATCH]}
                written += write_batch(Counted(records, source, self._store.rolls_back, confirmed=True)).used
        return written
