"""LMDB environment of an `lmdb://` store in a running process: opened once, monitored, and replaced if it is
damaged.
"""

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
    """Manages the open bucket file of one process. The first use opens it, so it is never opened before a fork.

    All threads share one environment. If it turns out to be damaged, or if its files are no longer those at its
    path, it is replaced but not closed.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self.url = f"lmdb://{path}"
        self.now_ns = clock
        self._path = path
        self._lock = Lock()
        self._environment: lmdb.Environment | None = None
        self._opened: BucketFile | None = None
        # Replaced environments stay open, because other threads may be inside them.
        self._replaced: list[BucketFile] = []
        self._reserved = 0
        self._checked_ns = self._next_check_ns = 0

    @property
    def exists(self) -> bool:
        """Return whether the file exists. The first use creates it."""
        return (self._path / DATA_FILE).exists()

    def copy(self, target: IO[bytes]) -> None:
        """Write a consistent snapshot without free pages to `target`, while the store is in use.

        Raises BucketStoreError or OSError.
        """
        try:
            self._file().environment.copyfd(target.fileno(), compact=True)
        except lmdb.Error as error:
            raise BucketStoreError(f"{self.url}: {error}") from error

    def close(self) -> None:
        """Close all files. No other thread may use the store at this time."""
        with self._lock:
            for known in (*self._replaced, self._opened):
                if known is not None:
                    known.close()
            self._replaced, self._opened, self._environment, self._next_check_ns = [], None, None, 0

    def _run_transaction(
        self, work: Callable[[lmdb.Transaction], _Result], *, write: bool = True, key: bytes = b""
    ) -> _Result:
        """Run `work` in a transaction and return its result, with repairs and repetitions if it fails.

        If the record at `key` cannot be read, it is deleted. Raises BucketStoreError.
        """
        self._check_files_if_due()
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
        raise BucketStoreError(f"{self.url} keeps failing")

    def _open(self) -> lmdb.Environment:
        return self._file().environment

    def _file(self) -> BucketFile:
        with self._lock:
            return self._opened or self._reopen()

    def _reopen(self, damage: str = "") -> BucketFile:
        """Open the file at the path, or a new one if the current file has `damage`. The caller holds the lock."""
        replaced = [*self._replaced, self._opened] if self._opened else self._replaced
        try:
            opened = open_file(self._path, replaced, damage=damage)
            self._reserved = used_bytes(opened.environment) + MARGIN
        except (OSError, lmdb.Error) as error:
            raise BucketStoreError(f"{self.url} cannot be opened: {error}") from error
        # The file may have been moved away and back, so the opened one can be one of those that were replaced.
        self._replaced = [known for known in replaced if known is not opened]
        self._opened, self._environment = opened, opened.environment
        return opened

    def _detach_current(self) -> None:
        if self._opened is not None:
            self._replaced.append(self._opened)
        self._opened = self._environment = None

    def _check_files_if_due(self) -> None:
        now_ns = self.now_ns()
        if not self._checked_ns <= now_ns < self._next_check_ns:
            self._check_files(now_ns)

    def _check_files(self, now_ns: int) -> None:
        """Check the files once a second: switch to other files at the path, and reserve disk space ahead of use.

        Raises BucketStoreError if the disk is full and the reserved space is nearly used up.
        """
        with self._lock:
            self._checked_ns, self._next_check_ns = now_ns, now_ns + NS_PER_SECOND
            opened = self._opened
            if opened is None:
                return
            if signature(self._path) != opened.signature:
                self._detach_current()
                return
            try:
                self._reserve_ahead(used_bytes(opened.environment))
            except lmdb.Error as error:
                self._replace(error)
            except OSError as error:
                raise BucketStoreError(f"{self.url}: {error}") from error

    def _reserve_ahead(self, used: int) -> None:
        """Reserve disk space well before it is needed.

        Raises BucketStoreError if that fails and the reserved space is nearly used up.
        """
        left = self._reserved - used
        if left > MARGIN // 2:
            return
        try:
            reserve(self._path, used + MARGIN)
            self._reserved = used + MARGIN
        except OSError as error:
            log.exception("bucket_store_cannot_grow")
            # Fail every request from here on. Writing to a page that the disk has no room for would kill the
            # process (SIGBUS).
            if left < MARGIN // 4:
                # Try again with the next request.
                self._next_check_ns = 0
                raise BucketStoreError(f"{self.url}: {error.strerror}") from error

    def _repair(self, environment: lmdb.Environment, error: lmdb.Error) -> None:
        """Remove the cause of `error`, or raise BucketStoreError if the machine or the caller caused it."""
        with self._lock:
            if isinstance(error, lmdb.ReadersFullError):
                environment.reader_check()
            elif is_shortage(error) or isinstance(error, lmdb.BadValsizeError):
                raise BucketStoreError(f"{self.url}: {error}") from error
            # Every other error is treated as damage, because an error that stays would deny a key, or every key,
            # permanently. If the environment has changed, another thread has already replaced it.
            elif environment is self._environment:
                self._replace(error)

    def _replace(self, error: lmdb.Error) -> None:
        """Set a damaged file aside and open a new one. The loss is small: the debts and counts of a few seconds."""
        self._reopen(f"{type(error).__name__}: {error}")
