"""Writer of what is used of quotas: moves it from the bucket store to the database, in bulk and in the background."""

import asyncio
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from random import uniform
from threading import Lock
from time import time
from typing import Final, NamedTuple

import structlog

from apikeys.cache.key_cache import default_key_cache
from apikeys.database_outage import outage_of
from apikeys.policies.quota_rows import read_uses, uses_lost_by, write_uses
from events.lock_timeout import record_lock_timeout
from events.thread_pool import ThreadPool
from ratelimit.claim import Claim, StateTuple
from ratelimit.limiter import Limiter
from ratelimit.stores import BucketStoreError

INTERVAL_SECONDS: Final = 4.0
"""With a random part of a quarter, so that a use of 1 % is written within 5 seconds."""
MAX_AGE_SECONDS: Final = 60.0
LAST_WRITE_SECONDS: Final = 2.0
COUNTERS_PER_TRANSACTION: Final = 200
MAX_COUNTERS: Final = 100_000

log = structlog.get_logger(__name__)


class _Note(NamedTuple):
    """State of a quota after a request, or as it was written: its N, the end of its period, and what is used."""

    quota: int
    ends_s: int
    used: int


class QuotaWriter:
    """Writer of the quotas that the requests of this process have used.

    A quota is written if 1 % of it was used since this process wrote it, or if that was a minute ago. What is written
    is what the bucket store has, so it includes the use by other processes. `now` returns Unix time in seconds.
    """

    def __init__(self, limiter: Limiter, now: Callable[[], float] = time) -> None:
        self._limiter = limiter
        self._now = now
        self._seen: dict[Hashable, tuple[Sequence[Claim], Sequence[StateTuple]]] = {}
        self._settled: dict[bytes, _Note] = {}
        self._waiting: dict[bytes, _Note] = {}
        self._written: dict[bytes, tuple[_Note, float]] = {}
        self._failing = False
        self._lock = Lock()

    def note(self, subject: Hashable, claims: Sequence[Claim], states: Sequence[StateTuple]) -> None:
        """Note the quotas among the claims of an allowed request.

        `subject` is the same for requests that claim the same counters: of these, only the last is kept until `write`.
        """
        # Without a lock, for the sake of the hot path. If `write` takes the dictionary in between, this note is lost,
        # but not the use: the next request of the quota notes it again.
        self._seen[subject] = claims, states

    def note_settled(self, counter: bytes, quota: int, ends_s: int, used: int) -> None:
        """Note what a settlement left used of a quota of N units, in its open period."""
        self._settled[counter] = _Note(quota, ends_s, used)

    def write(self, *, everything: bool = False) -> None:
        """Write the quotas that are due, or all that were used since they were written. Never raise: the next call
        tries again.
        """
        # The last call may come while an earlier one waits for the database.
        with self._lock:
            seen, self._seen = self._seen, {}
            settled, self._settled = self._settled, {}
            self._waiting |= _notes(seen.values()) | settled
            if default_key_cache().database_is_down:
                return
            try:
                self._write([counter for counter in self._waiting if everything or self._is_due(counter)])
                self._failing = False
            except Exception as error:
                record_lock_timeout(error)
                # Of several failures in a row, log only the first. An outage needs no traceback.
                if not self._failing:
                    is_outage = isinstance(error, BucketStoreError) or bool(outage_of(error))
                    log.warning("quotas_not_written", reason=type(error).__name__, exc_info=not is_outage)
                self._failing = True

    def _is_due(self, counter: bytes) -> bool:
        note = self._waiting[counter]
        written, at = self._written.get(counter, (None, 0.0))
        if written is None or written.ends_s != note.ends_s:
            return True
        return abs(note.used - written.used) * 100 >= note.quota or self._now() - at >= MAX_AGE_SECONDS

    def _write(self, due: Sequence[bytes]) -> None:
        if len(self._written) > MAX_COUNTERS:
            # Each of them is written once more than necessary.
            self._written.clear()
        for start in range(0, len(due), COUNTERS_PER_TRANSACTION):
            self._write_batch(due[start : start + COUNTERS_PER_TRANSACTION])

    def _write_batch(self, batch: Sequence[bytes]) -> None:
        now = self._now()
        uses = self._limiter.quota_uses(batch)
        write_uses(uses, {counter: self._waiting[counter].quota for counter in batch}, datetime.fromtimestamp(now, UTC))
        # The store may have gone back to a time before the row, for example because an older file was restored. The
        # background worker looks only at what was used recently.
        if lost := uses_lost_by(uses, read_uses(batch)):
            self._limiter.seed_quotas(lost)
        for use in uses:
            if use is not None:
                self._written[use.counter] = _Note(self._waiting[use.counter].quota, use.ends_s, use.used), now
        self._forget(batch)

    def _forget(self, counters: Iterable[bytes]) -> None:
        for counter in counters:
            del self._waiting[counter]


def _notes(requests: Iterable[tuple[Sequence[Claim], Sequence[StateTuple]]]) -> dict[bytes, _Note]:
    """Return the notes by counter. Of several about one counter, that with the largest use of the last period counts,
    because which of them is the newest is unknown.
    """
    notes: dict[bytes, _Note] = {}
    for claims, states in requests:
        for (counter, _, _, _, terms), (index, _, value, _, ends_s) in zip(claims, states, strict=True):
            term = terms[index]
            if term.limit is None and term.ends_s:
                note, known = _Note(term.quota, ends_s, value), notes.get(counter)
                if known is None or note[1:] >= known[1:]:
                    notes[counter] = note
    return notes


async def write_quotas_forever(writer: QuotaWriter) -> None:
    """Write what is due every few seconds until cancelled, on its own thread."""
    threads = ThreadPool("quotas", 1)
    while True:
        # Not all workers at the same time: they would wait for each other's locks.
        await asyncio.sleep(INTERVAL_SECONDS * uniform(0.75, 1.25))  # noqa: S311 - not a secret
        await threads.run(writer.write)


async def write_last_quotas(writer: QuotaWriter) -> None:
    """Write what was used last, before the process ends. Give up after LAST_WRITE_SECONDS."""
    with suppress(TimeoutError):
        await ThreadPool("last-quotas", 1, timeout_seconds=LAST_WRITE_SECONDS).run(
            lambda: writer.write(everything=True)
        )
