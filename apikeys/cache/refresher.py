"""Background refresh of cached keys, which also detects whether the database responds."""

from collections.abc import Callable, Sequence
from itertools import islice
from threading import Event, Lock, Thread
from time import sleep
from typing import Final

import structlog
from django.db import Error, connection

from apikeys.cache.query_deadlines import close_connections, query_deadline, reset_pool, use_unpooled_connection
from apikeys.read_only import connection_is_read_only

BATCH: Final = 50
CAPACITY: Final = 50_000
GATHERING_SECONDS: Final = 0.05
RETRY_SECONDS: Final = 1.0
QUERY_DEADLINE_SECONDS: Final = 3.0

log = structlog.get_logger(__name__)


class Refresher:
    """Queue of keys to refresh, and one thread of the process that refreshes them, up to BATCH at a time.

    `refresh` refreshes the given keys. Called without keys, it only checks that the database responds. It raises
    django.db.Error. The thread starts at the first need, hence after a fork, and ends with the process.

    `down` is true if the last call of the database failed. While it is true, only this thread calls the database,
    once every second.
    """

    def __init__(self, refresh: Callable[[Sequence[str]], None]) -> None:
        self.down = False
        self._refresh = refresh
        self._waiting: dict[str, None] = {}
        self._lock = Lock()
        self._needed = Event()
        self._thread: Thread | None = None

    def is_queued(self, key_id: str) -> bool:
        """Return whether the key is waiting for its refresh or being refreshed."""
        return key_id in self._waiting

    def enqueue(self, key_id: str) -> None:
        """Queue the key for a refresh, unless it is already queued or the queue holds CAPACITY keys."""
        if key_id in self._waiting:
            return
        with self._lock:
            if len(self._waiting) < CAPACITY:
                self._waiting[key_id] = None
        self._wake()

    def record_failure(self, reason: str) -> None:
        """Record that a call of the database failed, and start checking for its return."""
        if not self.down:
            self.down = True
            log.error("database_down", reason=reason)
        self._wake()

    def run_once(self) -> bool:
        """Refresh one batch, or check that the database responds. Return whether it does."""
        with self._lock:
            batch = list(islice(self._waiting, BATCH))
        try:
            with query_deadline(QUERY_DEADLINE_SECONDS, self._on_deadline):
                self._refresh_or_reconnect(batch)
            if self.down:
                reset_pool()
            if connection_is_read_only():
                # The next run may be connected to the server that took over.
                connection.close()
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread must go on
            self.record_failure(f"{type(error).__name__}: {error}")
            connection.close()
            return False
        with self._lock:
            for key_id in batch:
                self._waiting.pop(key_id, None)
        if self.down:
            self.down = False
            log.warning("database_back")
        return True

    def _on_deadline(self) -> None:
        """Mark the database as down and cut all connections, so that every waiting caller gets an error now."""
        self.record_failure(f"no response for {QUERY_DEADLINE_SECONDS:g} s")
        close_connections()

    def _refresh_or_reconnect(self, batch: list[str]) -> None:
        """Refresh the batch, with one attempt on a fresh connection if the existing one fails."""
        # A connection that was idle may just have ended. Only a fresh one that fails shows that the database is
        # down.
        if connection.connection is not None and not self.down:
            try:
                self._refresh(batch)
            except Error:
                connection.close()
                # The query deadline has passed in the meantime: the database does not respond.
                if self.down:
                    raise
            else:
                return
        self._refresh(batch)

    def _wake(self) -> None:
        self._needed.set()
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name="key-refresher", daemon=True)
                self._start(self._thread)

    def _start(self, thread: Thread) -> None:
        thread.start()

    def _run(self) -> None:
        # The pool delays its next attempt the longer an outage lasts, so the thread uses its own connection.
        use_unpooled_connection()
        while self._needed.wait():
            self._needed.clear()
            if not self.down:
                # Wait for more keys, so that one query refreshes many.
                sleep(GATHERING_SECONDS)
            while self.down or self._waiting:
                if not self.run_once():
                    sleep(RETRY_SECONDS)
