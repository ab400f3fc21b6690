"""The refresher: reads the records of keys in use anew, and finds out whether the database answers."""

from collections.abc import Callable, Sequence
from itertools import islice
from threading import Event, Lock, Thread
from time import sleep
from typing import Final

import structlog
from django.db import Error, connection

from apikeys.database_silence import cut_connections, leave_the_pool, patience, renew_pool
from apikeys.read_only import reads_only

BATCH: Final = 50
CAPACITY: Final = 50_000
GATHERING_SECONDS: Final = 0.05
RETRY_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 3.0

log = structlog.get_logger(__name__)


class Refresher:
    """Keys that wait to be read anew, and one thread of the process that reads them, up to BATCH in one go.

    `renew` does so; it is also called with no keys, to ask the database for a sign of life, and raises django.db.Error.
    The thread begins at the first need, so after a fork, and ends with the process.

    `down`: the database did not answer when it was last asked. While it holds, the thread alone asks it, each second.
    """

    def __init__(self, renew: Callable[[Sequence[str]], None]) -> None:
        self.down = False
        self._renew = renew
        self._waiting: dict[str, None] = {}
        self._lock = Lock()
        self._needed = Event()
        self._thread: Thread | None = None

    def awaits(self, key_id: str) -> bool:
        """Whether the key waits to be read anew, or is being read."""
        return key_id in self._waiting

    def ask(self, key_id: str) -> None:
        """Has the key read anew, where it does not wait for that already and fewer than CAPACITY do."""
        if key_id in self._waiting:
            return
        with self._lock:
            if len(self._waiting) < CAPACITY:
                self._waiting[key_id] = None
        self._begin()

    def note_failure(self, reason: str) -> None:
        """The database did not answer somebody."""
        if not self.down:
            self.down = True
            log.error("database_down", reason=reason)
        self._begin()

    def turn(self) -> bool:
        """Reads one batch, or asks for a sign of life; whether the database answered."""
        with self._lock:
            batch = list(islice(self._waiting, BATCH))
        try:
            with patience(PATIENCE_SECONDS, self._note_silence):
                self._renew_or_reconnect(batch)
            if self.down:
                renew_pool()
            if reads_only():
                connection.close()  # the next turn's may lead to the server that took over
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread must go on
            self.note_failure(f"{type(error).__name__}: {error}")
            connection.close()
            return False
        with self._lock:
            for key_id in batch:
                self._waiting.pop(key_id, None)
        if self.down:
            self.down = False
            log.warning("database_back")
        return True

    def _note_silence(self) -> None:
        """The database says nothing: whoever waits for it gets an error now."""
        self.note_failure(f"no answer for {PATIENCE_SECONDS:g} s")
        cut_connections()

    def _renew_or_reconnect(self, batch: list[str]) -> None:
        """Only a fresh connection that fails speaks for the database; one that has been idle may just have ended."""
        if connection.connection is not None and not self.down:
            try:
                self._renew(batch)
            except Error:
                connection.close()
                if self.down:  # it was silent
                    raise
            else:
                return
        self._renew(batch)

    def _begin(self) -> None:
        self._needed.set()
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name="key-refresher", daemon=True)
                self._start(self._thread)

    def _start(self, thread: Thread) -> None:
        thread.start()

    def _run(self) -> None:
        leave_the_pool()
        while self._needed.wait():
            self._needed.clear()
            if not self.down:
                sleep(GATHERING_SECONDS)
            while self.down or self._waiting:
                if not self.turn():
                    sleep(RETRY_SECONDS)
