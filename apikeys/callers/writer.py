"""Writer of callers: moves what a process has recorded to the database, in bulk and in the background."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from random import uniform
from threading import Lock
from time import sleep
from typing import Final

import structlog
from prometheus_client import Counter

from apikeys.cache.key_cache import default_key_cache
from apikeys.callers.recorder import CALLERS, MAX_KEYS, CallerRecorder
from apikeys.callers.rows import write_callers
from apikeys.callers.sightings import Sightings, add_sighting
from apikeys.database_outage import outage_of
from events.lock_timeout import record_lock_timeout
from events.thread_pool import ThreadPool
from latchkey import metric_names

INTERVAL_SECONDS: Final = 30.0
LAST_WRITE_SECONDS: Final = 2.0
KEYS_PER_TRANSACTION: Final = 50
PAUSE_SECONDS: Final = 0.005

DROPPED: Final = Counter(metric_names.KEY_CALLERS_DROPPED, "Keys whose callers the database did not take.")

log = structlog.get_logger(__name__)


class CallerWriter:
    """Writer of what `recorder` has recorded. What the database doesn't take is kept for up to MAX_KEYS keys."""

    def __init__(self, recorder: CallerRecorder = CALLERS) -> None:
        self._recorder = recorder
        self._unwritten: dict[str, Sightings] = {}
        self._failing = False
        self._lock = Lock()

    def write(self) -> None:
        """Write what was recorded since the last call, in batches. Never raise: the next call tries again."""
        # The last call may come while an earlier one waits for the database.
        with self._lock:
            self._write()

    def _write(self) -> None:
        for key_id, seen in self._recorder.take().items():
            self._keep(key_id, seen)
        if default_key_cache().database_is_down:
            return
        try:
            self._write_unwritten()
            self._failing = False
        except Exception as error:
            record_lock_timeout(error)
            # Of several failures in a row, log only the first. An outage needs no traceback.
            if not self._failing:
                log.warning("callers_not_written", reason=type(error).__name__, exc_info=not outage_of(error))
            self._failing = True

    def _write_unwritten(self) -> None:
        while self._unwritten:
            batch = dict(list(self._unwritten.items())[:KEYS_PER_TRANSACTION])
            try:
                write_callers(batch)
            except Exception as error:
                if not outage_of(error):
                    # It would fail every time, and hold up all others.
                    self._forget(batch)
                    DROPPED.inc(len(batch))
                raise
            self._forget(batch)
            # Let others write: a change must not wait for all batches.
            sleep(PAUSE_SECONDS)

    def _forget(self, batch: Iterable[str]) -> None:
        for key_id in batch:
            del self._unwritten[key_id]

    def _keep(self, key_id: str, seen: Sightings) -> None:
        if key_id not in self._unwritten and len(self._unwritten) >= MAX_KEYS:
            DROPPED.inc()
            return
        kept = self._unwritten.setdefault(key_id, {})
        for at, sighting in seen.items():
            add_sighting(kept, at, sighting)


async def write_callers_forever(writer: CallerWriter) -> None:
    """Write every 30 seconds or so until cancelled, on its own thread."""
    threads = ThreadPool("callers", 1)
    while True:
        # Not all workers at the same time: they would wait for each other's locks.
        await asyncio.sleep(INTERVAL_SECONDS * uniform(0.5, 1.5))  # noqa: S311 - not a secret
        await threads.run(writer.write)


async def write_last_callers(writer: CallerWriter) -> None:
    """Write what was recorded last, before the process ends. Give up after LAST_WRITE_SECONDS."""
    with suppress(TimeoutError):
        await ThreadPool("last-callers", 1, timeout_seconds=LAST_WRITE_SECONDS).run(writer.write)
