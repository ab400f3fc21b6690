"""The environment under `lmdb://` in a running process: opened once, watched, mended, and left for another file."""

import struct
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Final, TypeVar

import lmdb
import structlog

from ratelimit.limit import NS_PER_SECOND
from ratelimit.stores.base import BucketStoreError, Clock
from ratelimit.stores.lmdb_file import DAMAGE, MARGIN, identity, open_file, reserve, set_aside, used_bytes

_ATTEMPTS: Final = 4
_Result = TypeVar("_Result")

log = structlog.get_logger(__name__)


class LmdbEnvironment:
    """Opens its file at the first use, once a process, and never before a fork.

    Threads share one environment. One that turns out damaged, or is no more the file at its path, is not closed, as
    other threads may be inside it; it is left behind.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self.url = f"lmdb://{path}"
        self.now_ns = clock
        self._path = path
        self._lock = Lock()
        self._environment: lmdb.Environment | None = None
        self._left_behind: list[lmdb.Environment] = []
        self._identity = 0
        self._reserved = 0
        self._looked_ns = self._look_at_ns = 0

    @property
    def exists(self) -> bool:
        """Whether there is a file; the first use makes it."""
        return identity(self._path) != 0

    def close(self) -> None:
        """No other thread may be in the store."""
        with self._lock:
            for environment in (*self._left_behind, self._environment):
                if environment is not None:
                    environment.close()
            self._left_behind, self._environment, self._look_at_ns = [], None, 0

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
