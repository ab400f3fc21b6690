"""Rollup of one kind of a store's counters: passes over those that changed, in batches, with high-water marks."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, Generic, TypeVar

from django.db import transaction

from apikeys.usage.batch import Written, keep_others_out
from apikeys.usage.batch_size import MOST, BatchSize
from ratelimit.stores import BucketStore

# Each counter is read from the store while other writers wait, and a store on the network takes its time.
CONFIRMED_BATCH: Final = 20
# A request reads its time before its record is written, and clocks may be set back a little. Reading a record
# twice is harmless.
_MARGIN_NS: Final = 120_000_000_000

_Counter = TypeVar("_Counter")


class CounterRollup(ABC, Generic[_Counter]):
    """Rollup that writes counters of one store to the database, repeatedly.

    The first pass reads every counter. Later passes only read those that changed since the previous pass began.
    """

    _most = MOST
    """How many counters a batch has at most."""

    def __init__(self, store: BucketStore) -> None:
        self._store = store
        self._since_ns = 0
        self._size = BatchSize()

    def since(self, started_ns: int) -> int:
        """Return since when changes have to be read by a pass that starts now, by the store's clock."""
        if started_ns < self._since_ns:
            # The clock was set back, so times of use can't be compared. Read every counter.
            self._since_ns = 0
        return self._since_ns

    def write_pending(
        self,
        found: Iterator[tuple[bytes, _Counter]],
        started_ns: int,
        source: int,
        should_continue: Callable[[], bool],
    ) -> int:
        """Write what is not in the database yet, in batches, as long as `should_continue` returns true.

        `found` has the counters of a pass that started at `started_ns`. `source` is the store's primary key in
        `UsageSource`. Return the number of counters that were ahead of their marks. Raises BucketStoreError.
        """
        changed = ((name.decode(), counter) for name, counter in found if self._changed_ns(counter) >= self._since_ns)
        written = overtaken = 0
        while batch := dict(islice(changed, min(self._size.keys, self._most))):
            if not should_continue():
                # The next pass reads these counters again.
                return written
            result = self._write(batch, source, confirmed=False)
            if result.used:
                self._size.record(len(batch), result.locked_seconds)
            written += result.used + self._write_confirmed(result.below, source)
            overtaken += result.overtaken
        # Another writer was faster with some counters, perhaps with older ones. Read them again.
        if not overtaken:
            self._since_ns = started_ns - _MARGIN_NS
        return written

    def _write_confirmed(self, names: Sequence[str], source: int) -> int:
        """Write the counters that were below their marks, as they are after these marks.

        Return the number of those that were ahead of their marks.
        """
        written = 0
        for first in range(0, len(names), CONFIRMED_BATCH):
            with transaction.atomic():
                # While this transaction keeps other writers out, no mark can be newer than these counters. So if one is
                # still below its mark, the store went back.
                keep_others_out()
                counters = self._read(names[first : first + CONFIRMED_BATCH])
                written += self._write(counters, source, confirmed=True).used
        return written

    @abstractmethod
    def _changed_ns(self, counter: _Counter) -> int:
        """Return when a counter was last changed."""

    @abstractmethod
    def _read(self, names: Sequence[str]) -> Mapping[str, _Counter]:
        """Return these counters by their names, as the store has them now."""

    @abstractmethod
    def _write(self, counters: Mapping[str, _Counter], source: int, *, confirmed: bool) -> Written:
        """Write a batch."""
