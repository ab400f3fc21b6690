"""`lmdb://PATH`: buckets in a memory-mapped file, exact over all processes of a host and kept over restarts.

One write transaction a decision. LMDB's writer lock is a robust mutex in shared memory, so a killed writer holds
nobody up. Nothing is synced to disk on the way: after a crash of the host the file is that of some seconds before, or
damaged, which its examination finds, and then rebuilt.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

import lmdb

from ratelimit import bucket
from ratelimit.bucket import EMPTY, Asked, CostExceedsBurst, Outcome, Record
from ratelimit.bucket_file import GENERATION_KEY, PROBE_KEY
from ratelimit.limit import Limit
from ratelimit.stores.base import WALL_CLOCK, BucketStoreError, Clock, Rebuilt, Taken
from ratelimit.stores.lmdb_environment import LmdbEnvironment

_FIRST_KEY: Final = b"\x01"  # the store's own begin with NUL
_SCAN_BATCH: Final = 1000
_take = bucket.take


class LmdbStore(LmdbEnvironment):
    """The embedded store."""

    shared = True
    remote = False
    rolls_back = True
    confirms_epochs = True

    def __init__(self, path: Path, clock: Clock = WALL_CLOCK) -> None:
        super().__init__(path, clock)

    def take(self, key: bytes, limit: Limit | None, cost: int = 1, epoch: int = 0, slot: int = 0) -> Outcome:
        """The hot path. What goes wrong in it is left to `_within`, which mends and does it again."""
        now_ns = self.now_ns()
        if not self._looked_ns <= now_ns < self._look_at_ns:
            self._look(now_ns)
        transaction = None
        try:
            transaction = (self._environment or self._open()).begin(None, None, True)  # by position: half the cost
            outcome = _take(transaction, key, limit, cost, epoch, slot, now_ns)
            transaction.commit()
            return outcome
        except (lmdb.Error, struct.error):
            _abort(transaction)
        except BaseException:
            _abort(transaction)
            raise
        return self._take_again(key, limit, cost, epoch, slot)

    def take_many(self, asked: Sequence[Asked]) -> list[Taken]:
        """All in one transaction, so that its lock and its commit are paid for once."""
        now_ns = self.now_ns()
        if not self._looked_ns <= now_ns < self._look_at_ns:
            self._look(now_ns)
        transaction = None
        try:
            transaction = (self._environment or self._open()).begin(None, None, True)
            outcomes: list[Taken] = [*bucket.take_many(transaction, asked, now_ns)]
            transaction.commit()
            return outcomes
        except (lmdb.Error, struct.error):
            _abort(transaction)
        except BaseException:
            _abort(transaction)
            raise
        return [self._take_alone(one) for one in asked]

    def peek(self, key: bytes) -> Record:
        return self._within(lambda transaction: _load(transaction, key), write=False)

    def generation(self) -> str:
        def read_or_name(transaction: lmdb.Transaction) -> str:
            transaction.put(GENERATION_KEY, uuid4().hex.encode(), overwrite=False)
            return bytes(transaction.get(GENERATION_KEY, b"")).decode("ascii")

        return self._within(read_or_name)

    def set_epoch(self, key: bytes, epoch: int) -> None:
        self._change(key, lambda known: known._replace(epoch=max(epoch, known.epoch)))

    def reset(self, key: bytes) -> None:
        self.drain(key)

    def take_uncounted(self, asked: Asked) -> Outcome:
        """As `take`, for a request that somebody else may have counted, and that `count` counts otherwise."""
        key = asked[0]

        def take(transaction: lmdb.Transaction) -> Outcome:
            before = _load(transaction, key)
            outcome = _take(transaction, *asked, self.now_ns())
            after = _load(transaction, key)
            transaction.put(key, after._replace(allowed=before.allowed, throttled=before.throttled).dump())
            return outcome

        return self._within(take, key=key)

    def count(self, key: bytes, allowed: int, throttled: int) -> None:
        """Count requests that were decided before."""
        self._change(
            key, lambda known: known._replace(allowed=known.allowed + allowed, throttled=known.throttled + throttled)
        )

    def drain(self, key: bytes) -> Record:
        """Fills the key's bucket, and tells the record as it was."""
        return self._change(key, lambda known: known._replace(tat_ns=0, fraction=0))

    def usage(self, prefix: bytes = b"", since_ns: int = 0) -> Iterator[tuple[bytes, Record]]:
        """In the order of keys, in batches, each in a transaction of its own: no old page is held for long."""
        first = prefix or _FIRST_KEY
        while batch := self._batch(first, prefix):
            yield from batch
            first = batch[-1][0] + b"\x00"

    def forget(self, key: bytes, unused_since_ns: int | None = None) -> None:
        def delete(transaction: lmdb.Transaction) -> None:
            if unused_since_ns is None or _load(transaction, key).used_ns < unused_since_ns:
                transaction.delete(key)

        self._within(delete)

    def tidy(self) -> None:
        """Frees what killed processes held: a reader that is no more would keep every page of its time from reuse."""
        self._look_if_due()
        try:
            (self._environment or self._open()).reader_check()
        except lmdb.Error as error:
            raise BucketStoreError(f"{self.url}: {error}") from error

    def ping(self) -> None:
        self._within(lambda transaction: transaction.put(PROBE_KEY, b"%d" % self.now_ns()))

    def rebuilt(self) -> Rebuilt | None:
        self._look_if_due()
        try:
            return self._file().rebuilt()
        except lmdb.Error as error:
            raise BucketStoreError(f"{self.url}: {error}") from error

    def changes(self) -> int:
        """How many transactions of any process have changed something: while it stands still, so do the records."""
        self._look_if_due()
        return int((self._environment or self._open()).info()["last_txnid"])

    def _take_again(self, key: bytes, limit: Limit | None, cost: int, epoch: int, slot: int) -> Outcome:
        """On its own, as a closure in `take` would cost every call."""
        return self._within(
            lambda transaction: _take(transaction, key, limit, cost, epoch, slot, self.now_ns()), key=key
        )

    def _take_alone(self, asked: Asked) -> Taken:
        try:
            return self._take_again(*asked)
        except (CostExceedsBurst, BucketStoreError) as refusal:
            return refusal

    def _batch(self, first: bytes, prefix: bytes) -> list[tuple[bytes, Record]]:
        return self._within(lambda transaction: _read_batch(transaction, first, prefix), write=False)

    def _change(self, key: bytes, change: Callable[[Record], Record]) -> Record:
        def write(transaction: lmdb.Transaction) -> Record:
            known = _load(transaction, key)
            transaction.put(key, change(known).dump())
            return known

        return self._within(write)


def _abort(transaction: lmdb.Transaction | None) -> None:
    if transaction is not None:
        with suppress(lmdb.Error):
            transaction.abort()


def _load(transaction: lmdb.Transaction, key: bytes) -> Record:
    try:
        return Record.load(bytes(transaction.get(key, EMPTY)))
    except struct.error:
        return Record()


def _read_batch(transaction: lmdb.Transaction, first: bytes, prefix: bytes) -> list[tuple[bytes, Record]]:
    """Up to _SCAN_BATCH records from the key `first` on whose keys begin with `prefix`."""
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
