"""`lmdb://PATH`: buckets in a memory-mapped file, exact over all processes of a host and kept over restarts.

One write transaction a decision. LMDB's writer lock is a robust mutex in shared memory, so a killed writer holds
nobody up. Nothing is synced to disk on the way: a crash of the host may cost the file, which is then rebuilt.
"""

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
from ratelimit.limit import Limit
from ratelimit.stores.base import WALL_CLOCK, BucketStoreError, Clock
from ratelimit.stores.lmdb_file import inode_of, open_file, reserve, set_aside

_GENERATION_KEY: Final = b"\x00generation"  # sorts before every key, as no key begins with NUL
_SCAN_BATCH: Final = 1000
_DAMAGED: Final = (lmdb.CorruptedError, lmdb.InvalidError, lmdb.PageNotFoundError, lmdb.PanicError, lmdb.BadTxnError)
_take = bucket.take

_Result = TypeVar("_Result")

log = structlog.get_logger(__name__)


class LmdbStore:
    """The embedded store. It opens its file at the first use, once a process, and never before a fork."""

    shared = True

    def __init__(self, path: Path, clock: Clock = WALL_CLOCK) -> None:
        self.url = f"lmdb://{path}"
        self.now_ns = clock
        self._path = path
        self._lock = Lock()
        self._inode = 0
        self._environment: lmdb.Environment | None = None

    def take(self, key: bytes, limit: Limit | None, cost: int = 1, epoch: int = 0, slot: int = 0) -> Outcome:
        transaction = None
        try:
            transaction = (self._environment or self._open()).begin(None, None, True)  # positional: half the cost
            outcome, changed = _take(transaction.get(key, EMPTY), limit, cost, epoch, slot, self.now_ns())
            if changed is None:
                transaction.abort()
            else:
                transaction.put(key, changed)
                transaction.commit()
            return outcome
        except lmdb.Error as error:
            _abort(transaction)
            self._mend(error)
        except BaseException:
            _abort(transaction)
            raise
        return self.take(key, limit, cost, epoch, slot)

    def peek(self, key: bytes) -> Record:
        return self._within(lambda transaction: _load(transaction, key))

    def generation(self) -> str:
        def read_or_name(transaction: lmdb.Transaction) -> str:
            transaction.put(_GENERATION_KEY, uuid4().hex.encode(), overwrite=False)
            return str(transaction.get(_GENERATION_KEY, b""), "ascii")

        return self._within(read_or_name, write=True)

    def set_epoch(self, key: bytes, epoch: int) -> None:
        self._change(key, lambda known: known._replace(epoch=max(epoch, known.epoch)))

    def reset(self, key: bytes) -> None:
        self._change(key, lambda known: known._replace(tat_ns=0, fraction=0))

    def usage(self) -> Iterator[tuple[bytes, Record]]:
        """Reads in batches, each in a transaction of its own, so that no old page is held for long."""
        after = _GENERATION_KEY
        while batch := self._within(lambda transaction, start=after: _batch(transaction, start)):  # type: ignore[misc]
            yield from batch
            after = batch[-1][0]

    def forget(self, key: bytes, unused_since_ns: int | None = None) -> None:
        def delete(transaction: lmdb.Transaction) -> None:
            if unused_since_ns is None or _load(transaction, key).used_ns < unused_since_ns:
                transaction.delete(key)

        self._within(delete, write=True)

    def close(self) -> None:
        with self._lock:
            if self._environment is not None:
                self._environment.close()
                self._environment = None

    def _open(self) -> lmdb.Environment:
        with self._lock:
            if self._environment is None:
                try:
                    self._environment = open_file(self._path)
                    self._inode = inode_of(self._path)
                except OSError as error:
                    raise BucketStoreError(f"{self.url} cannot be opened: {error.strerror}") from error
            return self._environment

    def _change(self, key: bytes, change: Callable[[Record], Record]) -> None:
        def write(transaction: lmdb.Transaction) -> bool:
            return transaction.put(key, change(_load(transaction, key)).dump())

        self._within(write, write=True)

    def _within(self, work: Callable[[lmdb.Transaction], _Result], *, write: bool = False) -> _Result:
        while True:
            try:
                with (self._environment or self._open()).begin(write=write) as transaction:
                    return work(transaction)
            except lmdb.Error as error:
                self._mend(error)

    def _mend(self, error: lmdb.Error) -> None:
        """Removes the cause of `error`, so that the call can be made again, or raises BucketStoreError."""
        with self._lock:
            environment = self._environment
            try:
                if environment is None:
                    raise error
                if isinstance(error, lmdb.MapResizedError):
                    environment.set_mapsize(0)
                elif isinstance(error, lmdb.MapFullError):
                    self._grow(environment)
                elif isinstance(error, _DAMAGED):
                    self._environment = None
                    environment.close()
                    set_aside(self._path, self._inode, reason=str(error))
                else:
                    raise error
            except (lmdb.Error, OSError) as unmendable:
                raise BucketStoreError(f"{self.url}: {unmendable}") from error

    def _grow(self, environment: lmdb.Environment) -> None:
        size = 2 * environment.info()["map_size"]
        reserve(self._path, size)
        environment.set_mapsize(size)
        log.info("bucket_store_grown", bytes=size)


def _load(transaction: lmdb.Transaction, key: bytes) -> Record:
    return Record.load(bytes(transaction.get(key, EMPTY)))


def _batch(transaction: lmdb.Transaction, after: bytes) -> list[tuple[bytes, Record]]:
    """Up to _SCAN_BATCH records whose keys come after `after`."""
    cursor = transaction.cursor()
    found: list[tuple[bytes, Record]] = []
    if cursor.set_range(after + b"\x00"):
        for key, raw in cursor.iternext():
            found.append((bytes(key), Record.load(bytes(raw))))
            if len(found) == _SCAN_BATCH:
                break
    return found


def _abort(transaction: lmdb.Transaction | None) -> None:
    if transaction is not None:
        with suppress(lmdb.Error):
            transaction.abort()
