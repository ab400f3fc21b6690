"""Poller of the database: asks it once a second, and detects by the response whether it is up."""

from collections.abc import Callable
from threading import Event, Lock, Thread
from time import monotonic, sleep
from typing import Final

import structlog
from django.db import Error, connection

from apikeys.cache.query_deadlines import close_connections, query_deadline, reset_pool, use_unpooled_connection
from apikeys.read_only import connection_is_read_only

INTERVAL_SECONDS: Final = 1.0
MIN_PAUSE_SECONDS: Final = 0.05
QUERY_DEADLINE_SECONDS: Final = 3.0

log = structlog.get_logger(__name__)


class DatabasePoller:
    """One thread of the process that calls `ask` once a second, and again immediately while it returns True.

    `ask` queries the database, and raises django.db.Error. The thread starts at the first need, hence after a fork,
    and ends with the process.

    `down` is true if the last call of the database failed. While it is true, only this thread calls the database.
    `is_asking` is true while the database has not answered completely.
    """

    def __init__(self, ask: Callable[[], bool]) -> None:
        self.down = False
        self.is_asking = False
        self._ask = ask
        self._lock = Lock()
        self._woken = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Start the thread, unless it runs."""
        if self._thread is not None and self._thread.is_alive():
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name="database-poller", daemon=True)
                self._start(self._thread)

    def wake(self) -> None:
        """Ask now, without waiting for the next second."""
        self._woken.set()
        self.start()

    def record_failure(self, reason: str) -> None:
        """Record that a call of the database failed, and ask it now."""
        if not self.down:
            self.down = True
            log.error("database_down", reason=reason)
        self.wake()

    def run_once(self) -> bool:
        """Ask until the database has answered completely. Return whether it responds."""
        self.is_asking = True
        while self.is_asking:
            try:
                with query_deadline(QUERY_DEADLINE_SECONDS, self._on_deadline):
                    self.is_asking = self._ask_or_reconnect()
                if self.down:
                    reset_pool()
                if connection_is_read_only():
                    # The next question may reach the server that took over.
                    connection.close()
            except Exception as error:  # noqa: BLE001 - whatever it is, the thread must go on
                self.record_failure(f"{type(error).__name__}: {error}")
                connection.close()
                self.is_asking = False
                return False
            if self.down:
                self.down = False
                log.warning("database_back")
        return True

    def _on_deadline(self) -> None:
        """Mark the database as down and cut all connections, so that every waiting caller gets an error now."""
        self.record_failure(f"no response for {QUERY_DEADLINE_SECONDS:g} s")
        close_connections()

    def _ask_or_reconnect(self) -> bool:
        """Ask, with one attempt on a fresh connection if the existing one fails."""
        # A connection that was idle may just have ended. Only a fresh one that fails shows that the database is
        # down.
        if connection.connection is not None and not self.down:
            try:
                return self._ask()
            except Error:
                connection.close()
                # The query deadline has passed in the meantime: the database does not respond.
                if self.down:
                    raise
        return self._ask()

    def _start(self, thread: Thread) -> None:
        thread.start()

    def _run(self) -> None:
        # The pool delays its next attempt the longer an outage lasts, so the thread uses its own connection.
        use_unpooled_connection()
        while True:
            began = monotonic()
            self._woken.clear()
            connection.close_if_unusable_or_obsolete()
            if not self.run_once():
                # Recording the failure has woken this thread, but it must not retry immediately.
                self._woken.clear()
            # However many callers wake it, it asks at most this often.
            sleep(MIN_PAUSE_SECONDS)
            self._woken.wait(began + INTERVAL_SECONDS - monotonic())
