"""The key directory: what a request needs of a key, read from the database once and kept in the process for a while."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from threading import Lock
from time import monotonic
from typing import Final

from django.conf import settings
from django.db import Error, OperationalError
from prometheus_client import Counter

from apikeys.database_silence import patience, remember_connections
from apikeys.key_record import KeyRecord, read_records, read_records_with
from apikeys.refresher import Refresher
from latchkey import metric_names
from ratelimit.limiter import default_limiter
from ratelimit.pending import Counts

TTL_SECONDS: Final = 5.0
REFRESHED_AFTER_SECONDS: Final = 4.0
PATIENCE_SECONDS: Final = 2.0
CAPACITY: Final = 50_000
NO_KEY: Final = ""

LOOKUPS: Final = Counter(metric_names.KEY_DIRECTORY_LOOKUPS, "Looks at the key directory, by outcome.", ["outcome"])
HITS: Final = LOOKUPS.labels("hit")
_STALE = LOOKUPS.labels("stale")
_LOADED = LOOKUPS.labels("loaded")
_UNKNOWN = LOOKUPS.labels("unknown")
_FAILED = LOOKUPS.labels("failed")


class KeyDirectory:
    """A bounded LRU of key records, by key id.

    A record is trusted for TTL_SECONDS: that bounds what a process can miss if the publication of an epoch fails. In
    the last second of that time it is read again in the background, so that a key in use makes no request wait. Where
    the database has not answered by then, it is trusted up to `stale_seconds`, so long as `confirms` says that the
    bucket store tells of newer epochs. Ages count from before the record was read, by `clock`, which is monotonic, in
    seconds. Threads share one directory.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = monotonic,
        capacity: int = CAPACITY,
        stale_seconds: float = TTL_SECONDS,
        confirms: Callable[[], bool] = lambda: True,
    ) -> None:
        self._clock = clock
        self._capacity = capacity
        self._stale_seconds = stale_seconds
        self._confirms = confirms
        self._lock = Lock()
        self._records: OrderedDict[str, tuple[float, KeyRecord]] = OrderedDict()
        self.refresher = Refresher(self._renew)

    @property
    def database_is_down(self) -> bool:
        """Whether the database did not answer when it was last asked."""
        return self.refresher.down

    def refuse_while_down(self) -> None:
        """Raises OperationalError at once where an attempt would only wait for a database that is down."""
        if self.refresher.down:
            raise OperationalError("the database is down; it is tried each second")

    def cached(self, key_id: str, hits: Counts | None = HITS) -> KeyRecord | None:
        """The key's record, where one is in memory that is young enough; `hits`, if any, is told so.

        Unknown ids are not remembered: a flood of invented ids evicts nothing.
        """
        with self._lock:
            entry = self._records.get(key_id)
            if entry is None:
                return None
            age = self._clock() - entry[0]
            if age >= REFRESHED_AFTER_SECONDS and not self._good(key_id, age):
                return None
            self._records.move_to_end(key_id)
            if hits is not None:
                (hits if age < TTL_SECONDS else _STALE).inc()
            return entry[1]

    def remembered(self, key_id: str) -> KeyRecord | None:
        """The key's record, where one is in memory, be it too old."""
        entry = self._records.get(key_id)
        return None if entry is None else entry[1]

    def is_old(self, record: KeyRecord) -> bool:
        """Whether a record is older than TTL_SECONDS, so that it stands only where the bucket store confirms it."""
        entry = self._records.get(record.auth.key_id)
        return entry is None or entry[1] is not record or self._clock() - entry[0] >= TTL_SECONDS

    def load(self, key_id: str, epoch: int = 0) -> KeyRecord | None:
        """The key's record, read from the database now. Raises django.db.Error, at once where that is known to be down.

        `epoch` is the newest that the caller has heard of. The record carries it where the database's own is older, as
        after a backup was restored: what the database says is the truth all the same, and asking again is no use.
        """
        read_at = self._clock()
        record = self._read([key_id], lambda: read_records([key_id])).get(key_id)
        if record is None:
            with self._lock:
                self._records.pop(key_id, None)
            return None
        return self._keep(replace(record, epoch=max(record.epoch, epoch)), read_at)

    def look_up(self, digests: Mapping[str, Sequence[bytes]]) -> dict[str, KeyRecord]:
        """Return and cache the records, by key id, of those keys that have a secret with one of the digests, as
        `read_records_with` does, in one query for all. An unknown key costs the same as a wrong secret. Raises as
        `load` does.
        """
        read_at = self._clock()
        found = self._read(list(digests), lambda: read_records_with(digests))
        return {key_id: self._keep(record, read_at) for key_id, record in found.items()}

    def clear(self) -> None:
        """Forgets all records."""
        with self._lock:
            self._records.clear()

    def _good(self, key_id: str, age: float) -> bool:
        """Whether a record is good that is due to be read again; sees to that."""
        refresher = self.refresher
        if age < TTL_SECONDS:
            refresher.ask(key_id)
            return True
        if age >= self._stale_seconds or not (refresher.down or refresher.awaits(key_id)) or not self._confirms():
            return False
        refresher.ask(key_id)
        return True

    def _keep(self, record: KeyRecord, read_at: float) -> KeyRecord:
        with self._lock:
            self._records[record.auth.key_id] = (read_at, record)
            self._records.move_to_end(record.auth.key_id)
            if len(self._records) > self._capacity:
                self._records.popitem(last=False)
        return record

    def _read(self, key_ids: Sequence[str], read: Callable[[], dict[str, KeyRecord]]) -> dict[str, KeyRecord]:
        """Return what `read` finds in the database of those keys, and count it."""
        try:
            self.refuse_while_down()
            try:
                with patience(PATIENCE_SECONDS):
                    found = read()
            except Error as error:
                self.refresher.note_failure(f"{type(error).__name__}: {error}")
                raise
        except Error:
            _FAILED.inc(len(key_ids))
            raise
        _LOADED.inc(len(found))
        _UNKNOWN.inc(len(key_ids) - len(found))
        return found

    def _renew(self, key_ids: Sequence[str]) -> None:
        """Reads records anew. A record's epoch stays where the database's is older: what is read now is no older than
        what was read before. One that was loaded meanwhile is left alone, as that may be newer.
        """
        before = {key_id: self._records.get(key_id) for key_id in key_ids}
        read_at = self._clock()
        found = read_records(key_ids or [NO_KEY])
        for key_id, entry in before.items():
            with self._lock:
                if entry is None or self._records.get(key_id) is not entry:
                    continue
                record = found.get(key_id)
                if record is None:
                    del self._records[key_id]
                    continue
                record = replace(record, epoch=max(record.epoch, entry[1].epoch))
                # What others made of the same record they need not make again.
                self._records[key_id] = (read_at, entry[1] if record == entry[1] else record)
                _LOADED.inc()


@cache
def default_directory() -> KeyDirectory:
    """The process's directory."""
    remember_connections()
    return KeyDirectory(
        stale_seconds=max(TTL_SECONDS, settings.DIRECTORY_STALE_SECONDS),
        confirms=lambda: default_limiter().confirms_epochs,
    )
