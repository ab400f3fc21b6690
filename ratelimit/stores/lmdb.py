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
from ratelimit.stores.lmdb_file import GENERATION_KEY, grow, identity, open_file, set_aside

_LAST_OWN_KEY: Final = b"\x00\xff"
_SCAN_BATCH: Final = 1000
_ATTEMPTS: Final = 4
_DAMAGE: Final = (lmdb.CorruptedError, lmdb.InvalidError, lmdb.PageNotFoundError, lmdb.PanicError)
_Result = TypeVar("_Result")
_take = bucket.take

log = structlog.get_logger(__name__)


class LmdbStore:
    """The embedded store. It opens its file at the first use, once a process, and never before a fork.

    One lock keeps the threads of a process apart: the map is replaced when it grows or is found damaged, and that
    must not happen under another thread's transaction. Processes are kept apart by LMDB itself.
    """

    shared = True

    def __init__(self, path: Path, clock: Clock = WALL_CLOCK) -> None:
        self.url = f"lmdb://{path}"
        self.now_ns = clock
        self._path = path
        self._lock = Lock()
        self._environment: lmdb.Environment | None = None
        self._identity = 0
        self._looked_ns = 0

    def take(self, key: bytes, limit: Limit | None, cost: int = 1, epoch: int = 0, slot: int = 0) -> Outcome:
        """The hot path: what goes wrong in it is left to `_within`, which mends and does it again."""
        lock = self._lock
        lock.acquire()
        try:
            now_ns = self.now_ns()
            if not self._looked_ns <= now_ns < self._looked_ns + NS_PER_SECOND:
                self._look(now_ns)
            transaction = (self._environment or self._open()).begin(None, None, True)  # by position: half the cost
            try:
                outcome = _take(transaction, key, limit, cost, epoch, slot, now_ns)
                transaction.commit()
                return outcome
            except BaseException:
                with suppress(lmdb.Error):
                    transaction.abort()
                raise
        except (lmdb.Error, struct.error):
            pass
        finally:
            lock.release()
        return self._within(
            lambda transaction: _take(transaction, key, limit, cost, epoch, slot, self.now_ns()), key=key
        )

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

    def usage(self) -> Iterator[tuple[bytes, Record]]:
        """Reads in batches, each in a transaction of its own, so that no old page is held for long."""
        after = _LAST_OWN_KEY
        while batch := self._batch(after):
            yield from batch
            after = batch[-1][0]

    def forget(self, key: bytes, unused_since_ns: int | None = None) -> None:
        def delete(transaction: lmdb.Transaction) -> None:
            if unused_since_ns is None or _load(transaction, key).used_ns < unused_since_ns:
                transaction.delete(key)

        self._within(delete)

    def tidy(self) -> None:
        """Frees what killed processes held: a reader that is no more would keep every page of its time from reuse."""
        with self._lock:
            (self._environment or self._open()).reader_check()

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _batch(self, after: bytes) -> list[tuple[bytes, Record]]:
        return self._within(lambda transaction: _read_batch(transaction, after), write=False)

    def _change(self, key: bytes, change: Callable[[Record], Record]) -> None:
        def write(transaction: lmdb.Transaction) -> None:
            transaction.put(key, change(_load(transaction, key)).dump())

        self._within(write)

    def _within(self, work: Callable[[lmdb.Transaction], _Result], *, write: bool = True, key: bytes = b"") -> _Result:
        """What `work` makes of a transaction, done again after what can be mended. A record at `key` that cannot be
        read is dropped. Raises BucketStoreError.
        """
        with self._lock:
            self._look(self.now_ns())
            for _ in range(_ATTEMPTS):
                try:
                    with (self._environment or self._open()).begin(write=write) as transaction:
                        return work(transaction)
                except struct.error:
                    log.exception("bucket_record_dropped", key=key.decode(errors="replace"))
                    with (self._environment or self._open()).begin(write=True) as transaction:
                        transaction.delete(key)
                except lmdb.Error as error:
                    self._mend(error)
        raise BucketStoreError(f"{self.url} fails again and again")

    def _open(self) -> lmdb.Environment:
        try:
            self._environment, self._identity = open_file(self._path)
        except (OSError, lmdb.Error) as error:
            raise BucketStoreError(f"{self.url} cannot be opened: {error}") from error
        return self._environment

    def _drop(self) -> None:
        environment, self._environment = self._environment, None
        if environment is not None:
            with suppress(lmdb.Error):
                environment.close()

    def _look(self, now_ns: int) -> None:
        """Once a second: where another process has set the file aside, or an operator has, goes over to the new one."""
        self._looked_ns = now_ns
        if self._environment is not None and identity(self._path) != self._identity:
            self._drop()

    def _mend(self, error: lmdb.Error) -> None:
        """Removes the cause of `error` where it is known; where it is not, the file is opened anew."""
        try:
            if self._environment is not None and isinstance(error, lmdb.MapResizedError):
                self._environment.set_mapsize(0)
            elif self._environment is not None and isinstance(error, lmdb.MapFullError):
                self._environment.reader_check()
                grow(self._path, self._environment)
            else:
                log.warning("bucket_store_reopened", reason=str(error))
                self._drop()
                if isinstance(error, _DAMAGE):
                    set_aside(self._path, self._identity, reason=str(error))
        except lmdb.Error:
            self._drop()
        except OSError as unmendable:
            raise BucketStoreError(f"{self.url}: {unmendable}") from error


def _load(transaction: lmdb.Transaction, key: bytes) -> Record:
    try:
        return Record.load(bytes(transaction.get(key, EMPTY)))
    except struct.error:
        return Record()


def _read_batch(transaction: lmdb.Transaction, after: bytes) -> list[tuple[bytes, Record]]:
    """Up to _SCAN_BATCH records whose keys come after `after`."""
    cursor = transaction.cursor()
    found: list[tuple[bytes, Record]] = []
    if cursor.set_range(after + b"\x00"):
        for key, raw in cursor.iternext():
            with suppress(struct.error):
                found.append((bytes(key), Record.load(bytes(raw))))
            if len(found) == _SCAN_BATCH:
                break
    return found
