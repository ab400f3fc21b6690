"""Usage rollup: writes a bucket store's counters to the database and counts each request once.

The counters in a store only ever grow. A high-water mark next to the rows records up to which value they are
written. Rows and mark change in one transaction, so a writer that dies at any point loses nothing and counts
nothing twice. Several stores may count for one key, each with its own marks: the store that all nodes share, and
the store of each node for its outages (ADR 2, ADR 13, ADR 15).
"""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Final

from apikeys.usage.batch import Counted, Written, write_batch
from apikeys.usage.counter_rollup import CounterRollup
from apikeys.usage.high_water_marks import source_of
from apikeys.usage.units import CountedUnits, write_units
from ratelimit.bucket import Record
from ratelimit.idle_counters import UNUSED_SECONDS
from ratelimit.limit import NS_PER_SECOND
from ratelimit.stores import BucketStore
from ratelimit.unit_counters import UnitCounter

PAUSE_TO_WORK: Final = 3
"""After a pass, the next one is due once this many times its duration have passed: it takes a quarter of the time."""

_DAY_SECONDS: Final = 86_400


class UsageRollup:
    """Rollup that writes the usage counted by one store to the database, repeatedly.

    Any number of rollups may run at the same time, for one store or several: nothing is counted twice. `elapsed` is a
    clock in seconds that never steps.
    """

    def __init__(self, store: BucketStore, *, elapsed: Callable[[], float] = monotonic) -> None:
        self._store = store
        self._elapsed = elapsed
        self._due_at = 0.0
        self._requests = _RequestRollup(store)
        self._units = _UnitRollup(store)

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

        Return the number of keys that had any requests. Raises BucketStoreError.
        """
        generation = self._store.generation()
        source = source_of(generation)

        def may_write() -> bool:
            # Asked between reading a batch and writing it. Counters of a store that was emptied meanwhile belong to its
            # next generation, and would be counted under both.
            return should_continue() and self._store.generation() == generation

        started_ns = self._store.now_ns()
        since_ns = min(self._requests.since(started_ns), self._units.since(started_ns))
        records, units = self._store.scan_usage(since_ns)
        written = self._requests.write_pending(records, started_ns, source, may_write)
        self._units.write_pending(units, started_ns, source, may_write)
        return written


class _RequestRollup(CounterRollup[Record]):
    """Rollup of the requests that keys' records count."""

    def _changed_ns(self, counter: Record) -> int:
        # One that was never used has nothing to write.
        return counter.used_ns or -1

    def _read(self, names: Sequence[str]) -> Mapping[str, Record]:
        return {name: self._store.peek(name.encode()) for name in names}

    def _write(self, counters: Mapping[str, Record], source: int, *, confirmed: bool) -> Written:
        return write_batch(Counted(counters, source, self._store.rolls_back, confirmed))


class _UnitRollup(CounterRollup[UnitCounter]):
    """Rollup of usage by unit."""

    # A counter has up to six places with six values each, and a statement of SQLite takes 32,766 values.
    _most = 800

    def _changed_ns(self, counter: UnitCounter) -> int:
        # To the end of its second.
        return (counter.changed_s + 1) * NS_PER_SECOND

    def _read(self, names: Sequence[str]) -> Mapping[str, UnitCounter]:
        return dict(zip(names, self._store.unit_counters([name.encode() for name in names]), strict=True))

    def _write(self, counters: Mapping[str, UnitCounter], source: int, *, confirmed: bool) -> Written:
        # One that is soon idle may be deleted with its marks before it is written here, and would be counted again. So
        # it is read once more, while other writers are kept out.
        used_s = 0 if confirmed else self._store.now_ns() // NS_PER_SECOND - UNUSED_SECONDS + _DAY_SECONDS
        used = {name: counter for name, counter in counters.items() if counter.changed_s >= used_s}
        written = write_units(CountedUnits(used, source, self._store.rolls_back, confirmed))
        return written._replace(below=(*written.below, *(name for name in counters if name not in used)))
