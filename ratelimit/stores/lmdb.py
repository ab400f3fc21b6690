"""`lmdb://PATH`: buckets in a memory-mapped file, exact across all processes of a host and kept across restarts.

Each decision is one write transaction. LMDB's writer lock is a robust mutex in shared memory, so a killed writer
blocks no other process. Nothing is synced to disk during a decision. After a crash of the host the file is some
seconds old or damaged. The check before opening detects damage, and the file is then rebuilt.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice, takewhile
from pathlib import Path
from typing import Final, TypeVar
from uuid import uuid4

import lmdb

from ratelimit import batch, bucket, quota_grants, unit_counters
from ratelimit.bucket import EMPTY, Outcome, Record, TakeRequest
from ratelimit.bucket_file import GENERATION_KEY, PROBE_KEY
from ratelimit.claim import NO_POLICY, Claim, PolicyOutdated, Undecided
from ratelimit.counters import CounterStorage
from ratelimit.idle_counters import PREFIXES, StoredCounter, is_idle
from ratelimit.limit import NS_PER_SECOND, CostExceedsBurst, Limit
from ratelimit.reservation import END_PREFIX
from ratelimit.reservations import Step
from ratelimit.stores.base import WALL_CLOCK, BucketStoreError, Clock, Rebuild, TakeResult
from ratelimit.stores.counter_store import CounterStore, check_policy
from ratelimit.stores.lmdb_environment import LmdbEnvironment
from ratelimit.stores.reservation_store import ReservationStore, find_ended
from ratelimit.unit_counters import UNIT_PREFIX, UnitCounter

# The store's own entries begin with NUL.
_FIRST_KEY: Final = b"\x01"
_SCAN_BATCH: Final = 1000
_Result = TypeVar("_Result")
_take = bucket.take
_take_with_claims = batch.take


class LmdbStore(LmdbEnvironment, CounterStore, ReservationStore):
    """Bucket store in a file on this host, shared by all its processes."""

    shared = True
    remote = False
    rolls_back = True
    confirms_epochs = True

    def __init__(self, path: Path, clock: Clock = WALL_CLOCK) -> None:
        super().__init__(path, clock)

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
        """Decide one request in a write transaction, as `bucket.take` defines. This is the hot path."""
        transaction = None
        try:
            # Arguments are passed by position, which halves the cost of this call.
            transaction = (self._environment or self._open()).begin(None, None, True)
            # The time is read under the writer lock: after a long wait for it, a bucket that others used meanwhile
            # would look as if the clock had been set back.
            now_ns = self.now_ns()
            # `_check_files_if_due`, inlined to save a call. The comparison also fails if the clock was set back.
            if self._checked_ns <= now_ns < self._next_check_ns:
                if policy != NO_POLICY:
                    check_policy(transaction, policy)
                outcome = (
                    _take_with_claims(transaction, transaction, (key, limit, cost, epoch, slot, claims), now_ns)
                    if claims
                    else _take(transaction, key, limit, cost, epoch, slot, now_ns)
                )
                transaction.commit()
                return outcome
            transaction.abort()
        # Repairs are left to `_run_transaction`, which checks the files and repeats the decision.
        except (lmdb.Error, struct.error):
            _abort(transaction)
        except BaseException:
            _abort(transaction)
            raise
        return self._retry_take((key, limit, cost, epoch, slot, claims), policy)

    def take_many(self, requests: Sequence[TakeRequest], policy: int = NO_POLICY) -> Sequence[TakeResult]:
        """Decide several requests in one transaction, so that the cost of its lock and commit is shared."""
        # `_check_files_if_due`, inlined as in `take`.
        if not self._checked_ns <= (now_ns := self.now_ns()) < self._next_check_ns:
            self._check_files(now_ns)
        transaction = None
        try:
            transaction = (self._environment or self._open()).begin(None, None, True)
            if policy != NO_POLICY:
                check_policy(transaction, policy)
            outcomes = batch.take_many(transaction, transaction, requests, self.now_ns())
            transaction.commit()
            return outcomes
        except PolicyOutdated as error:
            _abort(transaction)
            return [error] * len(requests)
        except (lmdb.Error, struct.error):
            _abort(transaction)
        except BaseException:
            _abort(transaction)
            raise
        # The transaction failed. Decide each request separately, so that one damaged record affects only its own
        # key.
        return [self._take_single(one, policy) for one in requests]

    def peek(self, key: bytes) -> Record:
        return self._run_transaction(lambda transaction: _load(transaction, key), write=False)

    def generation(self) -> str:
        def read_or_name(transaction: lmdb.Transaction) -> str:
            # `overwrite=False` makes all processes agree on the name that the first one wrote.
            transaction.put(GENERATION_KEY, uuid4().hex.encode(), overwrite=False)
            return bytes(transaction.get(GENERATION_KEY, b"")).decode("ascii")

        return self._run_transaction(read_or_name)

    def set_epoch(self, key: bytes, epoch: int) -> None:
        self._change(key, lambda known: known._replace(epoch=max(epoch, known.epoch)))

    def reset(self, key: bytes) -> None:
        self.refill(key)

    def take_in_outage(self, request: TakeRequest, policy: int = NO_POLICY, *, counting: bool = True) -> Outcome:
        """Decide one request within this host's share of its quotas, as `quota_grants.take` defines.

        Without `counting`, it is not counted. Use this if the primary may have counted it; `add_counts` counts it later
        otherwise.
        """
        key = request[0]

        def take(transaction: lmdb.Transaction) -> Outcome:
            check_policy(transaction, policy)
            before = _load(transaction, key)
            outcome = quota_grants.take(Step(transaction, transaction, self.now_ns()), request)
            if not counting:
                after = _load(transaction, key)
                transaction.put(key, after._replace(allowed=before.allowed, throttled=before.throttled).dump())
            return outcome

        return self._run_transaction(take, key=key)

    def add_counts(self, key: bytes, allowed: int, throttled: int) -> None:
        """Add requests that were decided earlier to the key's counters."""
        self._change(
            key, lambda known: known._replace(allowed=known.allowed + allowed, throttled=known.throttled + throttled)
        )

    def count_units(self, usage: Sequence[Claim]) -> None:
        """Count the usage by unit of a request that was decided earlier."""

        def count(transaction: lmdb.Transaction) -> None:
            now_s = self.now_ns() // NS_PER_SECOND
            for claim in (one for one in usage if one.cost):
                raw = bytes(transaction.get(claim.counter, unit_counters.EMPTY))
                transaction.put(claim.counter, unit_counters.added(raw, now_s, claim.cost, 0, now_s))

        if usage:
            self._run_transaction(count)

    def refill(self, key: bytes) -> Record:
        """Fill the key's bucket and return the record as it was before."""
        return self._change(key, lambda known: known._replace(tat_ns=0, fraction=0))

    def drain_counter(self, name: bytes) -> bytes | None:
        """Delete a counter, and return its record as it was before; None if there is none."""

        def drain(transaction: lmdb.Transaction) -> bytes | None:
            raw = transaction.pop(name)
            return None if raw is None else bytes(raw)

        return self._run_transaction(drain)

    def counter_names(self, prefix: bytes) -> list[bytes]:
        """Return the names of counters that begin with `prefix`."""
        return [name for name, _ in self._scan_counters(prefix)]

    def scan_units(self, since_s: int = 0) -> Iterator[tuple[bytes, UnitCounter]]:
        for name, raw in self._scan_counters(UNIT_PREFIX):
            yield name, unit_counters.load(raw)

    def idle_counters(self) -> Iterator[StoredCounter]:
        now_s = self.now_ns() // NS_PER_SECOND
        for prefix in PREFIXES:
            for name, raw in self._scan_counters(prefix):
                if is_idle(name, raw, now_s):
                    yield StoredCounter(name, raw)

    def forget_counters(self, counters: Sequence[StoredCounter]) -> list[bytes]:
        def delete(transaction: lmdb.Transaction) -> list[bytes]:
            unchanged = [name for name, value in counters if transaction.get(name) == value]
            for name in unchanged:
                transaction.delete(name)
            return unchanged

        return self._run_transaction(delete)

    def scan_records(self, prefix: bytes = b"", since_ns: int = 0) -> Iterator[tuple[bytes, Record]]:
        """Yield records in the order of their keys, in batches."""
        first = prefix or _FIRST_KEY
        # Each batch runs in its own transaction: a long read would keep LMDB from reusing old pages, and the file
        # would grow.
        while batch := self._scan_batch(first, prefix):
            yield from batch
            first = batch[-1][0] + b"\x00"

    def forget(self, key: bytes, unused_since_ns: int | None = None) -> None:
        def delete(transaction: lmdb.Transaction) -> None:
            if unused_since_ns is None or _load(transaction, key).used_ns < unused_since_ns:
                transaction.delete(key)

        self._run_transaction(delete)

    def clean_up(self) -> None:
        """Free the reader slots of killed processes."""
        self._check_files_if_due()
        # A dead reader would keep every page of its time from being reused.
        try:
            (self._environment or self._open()).reader_check()
        except lmdb.Error as error:
            raise BucketStoreError(f"{self.url}: {error}") from error

    def ping(self) -> None:
        self._run_transaction(lambda transaction: transaction.put(PROBE_KEY, b"%d" % self.now_ns()))

    def last_rebuild(self) -> Rebuild | None:
        self._check_files_if_due()
        try:
            return self._file().last_rebuild()
        except lmdb.Error as error:
            raise BucketStoreError(f"{self.url}: {error}") from error

    def last_transaction_id(self) -> int:
        """Return the number of the last transaction of any process. While it stays the same, no record has changed."""
        self._check_files_if_due()
        return int((self._environment or self._open()).info()["last_txnid"])

    def _retry_take(self, request: TakeRequest, policy: int) -> Outcome:
        """Decide one request with repairs."""

        # A separate method, because a closure inside `take` would slow down every call.
        def take(transaction: lmdb.Transaction) -> Outcome:
            check_policy(transaction, policy)
            return _take_with_claims(transaction, transaction, request, self.now_ns())

        return self._run_transaction(take, key=request[0])

    def _take_single(self, request: TakeRequest, policy: int) -> TakeResult:
        """Decide one request with repairs, and return an error as its outcome."""
        try:
            return self._retry_take(request, policy)
        except (CostExceedsBurst, Undecided, BucketStoreError) as error:
            return error

    def _with_counters(self, work: Callable[[CounterStorage], _Result], *, write: bool = True) -> _Result:
        return self._run_transaction(work, write=write)

    def _in_step(self, work: Callable[[Step], _Result], key: bytes) -> _Result:
        return self._run_transaction(lambda transaction: work(Step(transaction, transaction, self.now_ns())), key=key)

    def _sweep_reservations(self) -> int:
        def sweep(transaction: lmdb.Transaction) -> int:
            names = find_ended(Step(transaction, transaction, self.now_ns()), _ends(transaction))
            for name in names:
                transaction.delete(name)
            return sum(name.startswith(END_PREFIX) for name in names)

        return self._run_transaction(sweep)

    def _scan_counters(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the names of counters that begin with `prefix`, with their records, in batches like `scan_records`."""
        first = prefix
        while batch := self._run_transaction(partial(_read_counters, first=first, prefix=prefix), write=False):
            yield from batch
            first = batch[-1][0] + b"\x00"

    def _scan_batch(self, first: bytes, prefix: bytes) -> list[tuple[bytes, Record]]:
        return self._run_transaction(lambda transaction: _read_batch(transaction, first, prefix), write=False)

    def _change(self, key: bytes, change: Callable[[Record], Record]) -> Record:
        def write(transaction: lmdb.Transaction) -> Record:
            known = _load(transaction, key)
            transaction.put(key, change(known).dump())
            return known

        return self._run_transaction(write)


def _abort(transaction: lmdb.Transaction | None) -> None:
    if transaction is not None:
        with suppress(lmdb.Error):
            transaction.abort()


def _load(transaction: lmdb.Transaction, key: bytes) -> Record:
    try:
        return Record.load(bytes(transaction.get(key, EMPTY)))
    except struct.error:
        # A record that cannot be read counts as never used. The next write replaces it.
        return Record()


def _ends(transaction: lmdb.Transaction) -> Iterator[bytes]:
    """Yield the entries of the ends of reservations, in the order of time."""
    cursor = transaction.cursor()
    if cursor.set_range(END_PREFIX):
        yield from takewhile(lambda name: name.startswith(END_PREFIX), map(bytes, cursor.iternext(values=False)))


def _read_batch(transaction: lmdb.Transaction, first: bytes, prefix: bytes) -> list[tuple[bytes, Record]]:
    """Return up to _SCAN_BATCH records whose keys begin with `prefix`, starting at the key `first`."""
    cursor = transaction.cursor()
    found: list[tuple[bytes, Record]] = []
    if cursor.set_range(first):
        for raw_key, raw in cursor.iternext():
            key = bytes(raw_key)
            if not key.startswith(prefix):
                break
            with suppress(struct.error):
                found.append((key, Record.load(bytes(raw))))
            if len(found) == _SCAN_BATCH:
                break
    return found


def _read_counters(transaction: lmdb.Transaction, first: bytes, prefix: bytes) -> list[tuple[bytes, bytes]]:
    """Return up to _SCAN_BATCH entries whose names begin with `prefix`, starting at `first`."""
    cursor = transaction.cursor()
    if not cursor.set_range(first):
        return []
    entries = ((bytes(name), bytes(raw)) for name, raw in islice(cursor.iternext(), _SCAN_BATCH))
    return list(takewhile(lambda entry: entry[0].startswith(prefix), entries))
