"""`lmdb://PATH`: buckets in a memory-mapped file, exact over all processes of a host and kept over restarts.

One write transaction a decision. LMDB's writer lock is a robust mutex in shared memory, so a killed writer holds
nobody up. Nothing is synced to disk on the way: a crash of the host may cost the file, which is then rebuilt.
"""

import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final, TypeVar
from uuid import uuid4

import lmdb
import structlog

from ratelimit import bucket
from ratelimit.bucket import EMPTY, Outcome, Record
from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.stores.base import WALL_CLOCK, BucketStoreError, Clock
from ratelimit.stores.lmdb_file import (
    DAMAGE,
    GENERATION_KEY,
    MARGIN,
    identity,
    open_file,
    reserve,
    set_aside,
    used_bytes,
)

_FIRST_KEY: Final = b"\x01"  # the store's own begin with NUL
_SCAN_BATCH: Final = 1000
_ATTEMPTS: Final = 4
_Result = TypeVar("_Result")
_take = bucket.take

log = structlog.get_logger(__name__)


class LmdbStore:
    """The embedded store. It opens its file at the first use, once a process, and never before a fork.

    Threads share one environment. One that turns out damaged, or is no more the file at its path, is not closed, as
    other threads may be inside it; it is left behind.
    """

    shared = True

    def __init__(self, path: Path, clock: Clock = WALL_CLOCK) -> None:
        self.url = f"lmdb://{path}"
        self.now_ns = clock
        self._path = path
        self._lock = Lock()
        self._environment: lmdb.Environment | None = None
        self._left_behind: list[lmdb.Environment] = []
        self._identity = 0
        self._reserved = 0
        self._looked_ns = self._look_at_ns = 0

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
        self._change(key, lambda known: known._replace(tat_ns=0, fraction=0))

    def usage(self, prefix: bytes = b"") -> Iterator[tuple[bytes, Record]]:
        """Reads in batches, each in a transaction of its own, so that no old page is held for long."""
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

    def close(self) -> None:
        """No other thread may be in the store."""
        with self._lock:
            for environment in (*self._left_behind, self._environment):
                if environment is not None:
                    environment.close()
            self._left_behind, self._environment, self._look_at_ns = [], None, 0

    def _take_again(self, key: bytes, limit: Limit | None, cost: int, epoch: int, slot: int) -> Outcome:
        """On its own, as a closure in `take` would cost every call."""
        return self._within(
            lambda transaction: _take(transaction, key, limit, cost, epoch, slot, self.now_ns()), key=key
        )

    def _batch(self, first: bytes, prefix: bytes) -> list[tuple[bytes, Record]]:
        return self._within(lambda transaction: _read_batch(transaction, first, prefix), write=False)

    def _change(self, key: bytes, change: Callable[[Record], Record]) -> None:
        def write(transaction: lmdb.Transaction) -> None:
            transaction.put(key, change(_load(transaction, key)).dump())

        self._within(write)

    def _within(self, work: Callable[[lmdb.Transaction], _Result], *, write: bool = True, key: bytes = b"") -> _Result:
        """What `work` makes of a transaction, done again after what can be mended. A record at `key` that cannot be
        read is dropped. Raises BucketStoreError.
        """
        self._look_if_due()
        for _ in range(_ATTEMPTS):
            environment = self._environment or self._open()
            try:
                try:
                    with environment.begin(write=write) as transaction:
                        return work(transaction)
                except struct.error as error:
                    if not key:
                        raise BucketStoreError(f"{self.url}: a record cannot be written: {error}") from error
                    log.exception("bucket_record_dropped", key=key.decode(errors="replace"))
                    with environment.begin(write=True) as transaction:
                        transaction.delete(key)
            except lmdb.Error as error:
                self._mend(environment, error)
        raise BucketStoreError(f"{self.url} fails again and again")

    def _open(self) -> lmdb.Environment:
        with self._lock:
            if self._environment is None:
                try:
                    self._environment, self._identity = open_file(self._path)
                    self._reserved = used_bytes(self._environment) + MARGIN
                except (OSError, lmdb.Error) as error:
                    raise BucketStoreError(f"{self.url} cannot be opened: {error}") from error
            return self._environment

    def _look_if_due(self) -> None:
        now_ns = self.now_ns()
        if not self._looked_ns <= now_ns < self._look_at_ns:
            self._look(now_ns)

    def _look(self, now_ns: int) -> None:
        """Once a second: goes over to the file at the path where that is another one, and keeps room ahead on the disk.

        Raises BucketStoreError where the disk is full and what was reserved is nearly used up.
        """
        with self._lock:
            self._looked_ns, self._look_at_ns = now_ns, now_ns + NS_PER_SECOND
            environment = self._environment
            if environment is None:
                return
            try:
                if identity(self._path) != self._identity:
                    self._leave(environment)
                    return
                self._keep_room(used_bytes(environment))
            except lmdb.Error as error:
                self._replace(environment, error)
            except OSError as error:
                raise BucketStoreError(f"{self.url}: {error}") from error

    def _keep_room(self, used: int) -> None:
        """Reserves more of the disk well before it is needed. Where that fails, every request is refused once what was
        reserved is nearly used up: a page for which there is no room would kill the process.
        """
        left = self._reserved - used
        if left > MARGIN // 2:
            return
        try:
            reserve(self._path, used + MARGIN)
            self._reserved = used + MARGIN
        except OSError as error:
            log.exception("bucket_store_cannot_grow")
            if left < MARGIN // 4:
                self._look_at_ns = 0  # and look again at the next request
                raise BucketStoreError(f"{self.url}: {error.strerror}") from error

    def _mend(self, environment: lmdb.Environment, error: lmdb.Error) -> None:
        """Removes the cause of `error` where it is known; a damaged file gives way to a new one."""
        with self._lock:
            if isinstance(error, lmdb.ReadersFullError):
                environment.reader_check()
            elif not isinstance(error, DAMAGE):
                raise BucketStoreError(f"{self.url}: {error}") from error
            elif environment is self._environment:
                self._replace(environment, error)

    def _replace(self, environment: lmdb.Environment, error: lmdb.Error) -> None:
        """Sets a damaged file aside. What it held are debts and counts of a few seconds."""
        try:
            set_aside(self._path, self._identity, reason=str(error))
        except OSError as failure:
            raise BucketStoreError(f"{self.url}: {failure}") from error
        self._leave(environment)

    def _leave(self, environment: lmdb.Environment) -> None:
        self._left_behind.append(environment)
        self._environment = None


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
