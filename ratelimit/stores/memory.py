"""`memory://`: buckets in this process, for tests and as the reference implementation of the other stores."""

from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import TypeVar
from uuid import uuid4

from ratelimit import batch, unit_counters
from ratelimit.bucket import EMPTY, Outcome, Record, TakeRequest
from ratelimit.claim import NO_POLICY, Claim, PolicyOutdated
from ratelimit.counters import CounterStorage
from ratelimit.idle_counters import PREFIXES, StoredCounter, is_idle
from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.reservation import END_PREFIX
from ratelimit.reservations import Step
from ratelimit.stores.base import WALL_CLOCK, Clock, TakeResult
from ratelimit.stores.counter_store import CounterStore, check_policy
from ratelimit.stores.reservation_store import ReservationStore, find_ended
from ratelimit.unit_counters import UNIT_PREFIX, UnitCounter

_Result = TypeVar("_Result")


class _Records(dict[bytes, bytes]):
    """Records by key, with the interface of `ratelimit.bucket.RecordStorage`."""

    put = dict.__setitem__


class MemoryStore(CounterStore, ReservationStore):
    """Bucket store in a dictionary under a lock. It is exact across threads; each process has its own."""

    url = "memory://"
    shared = False
    remote = False
    rolls_back = False
    confirms_epochs = True

    def __init__(self, clock: Clock = WALL_CLOCK) -> None:
        self.now_ns = clock
        self._generation = uuid4().hex
        self._lock = Lock()
        self._records = _Records()
        self._counters = _Records()

    def generation(self) -> str:
        return self._generation

    def take(
        self,
        key: bytes,
        limit: Limit | None,
        cost: int = 1,
        epoch: int = 0,
        slot: int = 0,
        claims: tuple[Claim, ...] = (),
        policy: int = NO_POLICY,
    ) -> Outcome:
        with self._lock:
            check_policy(self._counters, policy)
            request = (key, limit, cost, epoch, slot, claims)
            return batch.take(self._records, self._counters, request, self.now_ns())

    def take_many(self, requests: Sequence[TakeRequest], policy: int = NO_POLICY) -> Sequence[TakeResult]:
        with self._lock:
            try:
                check_policy(self._counters, policy)
            except PolicyOutdated as error:
                return [error] * len(requests)
            return batch.take_many(self._records, self._counters, requests, self.now_ns())

    def peek(self, key: bytes) -> Record:
        return Record.load(self._records.get(key, EMPTY))

    def set_epoch(self, key: bytes, epoch: int) -> None:
        with self._lock:
            known = self.peek(key)
            self._records[key] = known._replace(epoch=max(epoch, known.epoch)).dump()

    def reset(self, key: bytes) -> None:
        with self._lock:
            self._records[key] = self.peek(key)._replace(tat_ns=0, fraction=0).dump()

    def scan_records(self, prefix: bytes = b"", since_ns: int = 0) -> Iterator[tuple[bytes, Record]]:
        for key, raw in sorted(self._records.items()):
            if key.startswith(prefix):
                yield key, Record.load(raw)

    def forget(self, key: bytes, unused_since_ns: int | None = None) -> None:
        with self._lock:
            if unused_since_ns is None or self.peek(key).used_ns < unused_since_ns:
                self._records.pop(key, None)
                self._counters.pop(key, None)

    def scan_units(self, since_s: int = 0) -> Iterator[tuple[bytes, UnitCounter]]:
        for name, raw in sorted(self._counters.items()):
            if name.startswith(UNIT_PREFIX):
                yield name, unit_counters.load(raw)

    def idle_counters(self) -> Iterator[StoredCounter]:
        now_s = self.now_ns() // NS_PER_SECOND
        for name, raw in sorted(self._counters.items()):
            if name.startswith(PREFIXES) and is_idle(name, raw, now_s):
                yield StoredCounter(name, raw)

    def forget_counters(self, counters: Sequence[StoredCounter]) -> list[bytes]:
        with self._lock:
            unchanged = [name for name, value in counters if self._counters.get(name) == value]
            for name in unchanged:
                del self._counters[name]
            return unchanged

    def _with_counters(self, work: Callable[[CounterStorage], _Result], *, write: bool = True) -> _Result:
        with self._lock:
            return work(self._counters)

    def _in_step(self, work: Callable[[Step], _Result], key: bytes) -> _Result:
        with self._lock:
            return work(Step(self._records, self._counters, self.now_ns()))

    def _sweep_reservations(self) -> int:
        with self._lock:
            ends = sorted(name for name in self._counters if name.startswith(END_PREFIX))
            names = find_ended(Step(self._records, self._counters, self.now_ns()), ends)
            for name in names:
                self._counters.pop(name, None)
            return sum(name.startswith(END_PREFIX) for name in names)

    def ping(self) -> None:
        """Do nothing: memory always accepts a write."""

    def last_rebuild(self) -> None:
        """Return None: there is no file."""

    def clean_up(self) -> None:
        """Do nothing: there is nothing to clean up."""

    def close(self) -> None:
        """Do nothing: the buckets live as long as the process."""
