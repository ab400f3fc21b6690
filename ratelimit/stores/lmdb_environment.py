"""The environment under `lmdb://` in a running process: opened once, watched, rebuilt, and left for another file."""

import struct
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import IO, Final, TypeVar

import lmdb
import structlog

from ratelimit.bucket_file import DATA_FILE
from ratelimit.limit import NS_PER_SECOND
from ratelimit.stores.base import BucketStoreError, Clock
from ratelimit.stores.lmdb_file import MARGIN, BucketFile, is_shortage, open_file, reserve, signature, used_bytes

_ATTEMPTS: Final = 4
_Result = TypeVar("_Result")

log = structlog.get_logger(__name__)


class LmdbEnvironment:
    """Opens its file at the first use, once a process, and never before a fork.

    Threads share one environment. One that turns out damaged, or whose files are no more those at its path, is not
    closed, as other threads may be inside it; it is left behind.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self.url = f"lmdb://{path}"
        self.now_ns = clock
        self._path = path
        self._lock = Lock()
        self._environment: lmdb.Environment | None = None
        self._opened: BucketFile | None = None
        self._left_behind: list[BucketFile] = []
        self._reserved = 0
        self._looked_ns = self._look_at_ns = 0

    @property
    def exists(self) -> bool:
        """Whether there is a file; the first use makes it."""
        return (self._path / DATA_FILE).exists()

    def copy(self, target: IO[bytes]) -> None:
        """Write a copy of one moment to `target`, without free pages, while the store is in use. Raises
        BucketStoreError or OSError.
        """
        try:
            self._file().environment.copyfd(target.fileno(), compact=True)
        except lmdb.Error as error:
            raise BucketStoreError(f"{self.url}: {error}") from error

    def close(self) -> None:
        """No other thread may be in the store."""
        with self._lock:
            for known in (*self._left_behind, self._opened):
                if known is not None:
                    known.close()
            self._left_behind, self._opened, self._environment, self._look_at_ns = [], None, None, 0

    def _within(self, work: Callable[[lmdb.Transaction], _Result], *, write: bool = True, key: bytes = b"") -> _Result:
        """Return what `work` makes of a transaction, done again after what can be repaired. A record at `key` that
        cannot be read is dropped. Raises BucketStoreError.
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
                self._repair(environment, error)
        raise BucketStoreError(f"{self.url} fails again and again")

    def _open(self) -> lmdb.Environment:
        return self._file().environment

    def _file(self) -> BucketFile:
        with self._lock:
            return self._opened or self._go_over()

    def _go_over(self, damage: str = "") -> BucketFile:
        """Open what is at the path, or a new file if this one has `damage`. The lock is held."""
        left = [*self._left_behind, self._opened] if self._opened else self._left_behind
        try:
            opened = open_file(self._path, left, damage=damage)
            self._reserved = used_bytes(opened.environment) + MARGIN
        except (OSError, lmdb.Error) as error:
            raise BucketStoreError(f"{self.url} cannot be opened: {error}") from error
        self._left_behind = [known for known in left if known is not opened]
        self._opened, self._environment = opened, opened.environment
        return opened

    def _leave(self) -> None:
        if self._opened is not None:
            self._left_behind.append(self._opened)
        self._opened = self._environment = None

    def _look_if_due(self) -> None:
        now_ns = self.now_ns()
        if not self._looked_ns <= now_ns < self._look_at_ns:
            self._look(now_ns)

    def _look(self, now_ns: int) -> None:
        """Once a second: goes over to the files at the path if those are others, and keeps room ahead on the disk.

        Raises BucketStoreError if the disk is full and what was reserved is nearly used up.
        """
        with self._lock:
            self._looked_ns, self._look_at_ns = now_ns, now_ns + NS_PER_SECOND
            opened = self._opened
            if opened is None:
                return
            if signature(self._path) != opened.signature:
                self._leave()
                return
            try:
                self._keep_room(used_bytes(opened.environment))
            except lmdb.Error as error:
                self._replace(error)
            except OSError as error:
                raise BucketStoreError(f"{self.url}: {error}") from error

    def _keep_room(self, used: int) -> None:
        """Reserves more of the disk well before it is needed. If that fails, every request is refused once what was
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

    def _repair(self, environment: lmdb.Environment, error: lmdb.Error) -> None:
        """Removes the cause of `error`. What neither the machine nor the caller is to blame for is damage: an error
        that stays would refuse a key, or every key, for good.
        """
        with self._lock:
            if isinstance(error, lmdb.ReadersFullError):
                environment.reader_check()
            elif is_shortage(error) or isinstance(error, lmdb.BadValsizeError):
                raise BucketStoreError(f"{self.url}: {error}") from error
            elif environment is self._environment:
                self._replace(error)

    def _replace(self, error: lmdb.Error) -> None:
        """Sets a damaged file aside. What it held are debts and counts of a few seconds."""
        self._go_over(f"{type(error).__name__}: {error}")
