"""First use of an imported token: replaces its foreign digest by one under our pepper, in the background."""

from itertools import islice
from threading import Event, Lock, Thread
from time import sleep
from typing import Final

import structlog
from django.db import Error, connection, transaction

from apikeys.models import KeySecret
from events.lock_timeout import set_lock_timeout
from latchkey.peppers import Peppers

BATCH: Final = 100
CAPACITY: Final = 10_000
GATHERING_SECONDS: Final = 0.2
RETRY_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


class FirstUses:
    """Queue of foreign digests to replace, and one thread of the process that replaces up to BATCH in a transaction.

    No request waits for it. What a process loses when it ends, the next process that looks up the token does again:
    until then the token is verified with its foreign digest. The thread starts at the first need, hence after a fork.
    """

    def __init__(self, peppers: Peppers) -> None:
        self._peppers = peppers
        self._waiting: dict[bytes, bytes] = {}
        self._lock = Lock()
        self._needed = Event()
        self._thread: Thread | None = None

    def enqueue(self, foreign_digest: bytes, secret: str) -> None:
        """Queue the token whose credential has this secret, unless CAPACITY others wait."""
        digest = self._peppers.digest(secret, self._peppers.current)
        with self._lock:
            if len(self._waiting) < CAPACITY:
                self._waiting[foreign_digest] = digest
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name="first-uses", daemon=True)
                self._start(self._thread)
        self._needed.set()

    def run_once(self) -> int:
        """Replace the digests of one batch. Return how many waited. Raises django.db.Error."""
        with self._lock:
            batch = dict(islice(self._waiting.items(), BATCH))
        if not batch:
            return 0
        with transaction.atomic():
            set_lock_timeout()
            # In the order of the digests, so that two processes with the same tokens don't wait for each other.
            for foreign, digest in sorted(batch.items()):
                # Another process may have been first. Then no row has this digest any more.
                KeySecret.objects.filter(source__isnull=False, foreign_hash__isnull=False, digest=foreign).update(
                    digest=digest, pepper_id=self._peppers.current, foreign_hash=None
                )
        with self._lock:
            for foreign in batch:
                self._waiting.pop(foreign, None)
        return len(batch)

    def _start(self, thread: Thread) -> None:
        thread.start()

    def _run(self) -> None:
        while self._needed.wait():
            self._needed.clear()
            # Wait for more tokens, so that one transaction replaces many.
            sleep(GATHERING_SECONDS)
            while self._waiting:
                try:
                    self.run_once()
                except Error as error:
                    log.warning("first_uses_not_written", reason=f"{type(error).__name__}: {error}")
                    connection.close()
                    sleep(RETRY_SECONDS)
            connection.close()
