"""Key cache: reads what a request needs of a key from the database once, and keeps it in the process for a while."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from threading import Lock
from time import monotonic
from typing import Final, TypeVar

from django.conf import settings
from django.db import Error, OperationalError
from prometheus_client import Counter

from apikeys.cache.query_deadlines import query_deadline, track_connections
from apikeys.cache.records import KeyRecord, read_records, read_records_by_token, read_records_with
from apikeys.cache.refresher import Refresher
from latchkey import metric_names
from latchkey.buffered_metrics import CounterLike
from ratelimit.limiter import default_limiter

TTL_SECONDS: Final = 5.0
REFRESHED_AFTER_SECONDS: Final = 4.0
QUERY_DEADLINE_SECONDS: Final = 2.0
CAPACITY: Final = 50_000
NO_KEY: Final = ""

_K = TypeVar("_K", str, bytes)

LOOKUPS: Final = Counter(metric_names.KEY_DIRECTORY_LOOKUPS, "Lookups in the key cache, by outcome.", ["outcome"])
HITS: Final = LOOKUPS.labels("hit")
_STALE = LOOKUPS.labels("stale")
_LOADED = LOOKUPS.labels("loaded")
_UNKNOWN = LOOKUPS.labels("unknown")
_FAILED = LOOKUPS.labels("failed")


class KeyCache:
    """Bounded LRU cache of key records by key ID, shared by all threads of a process.

    A record is trusted for TTL_SECONDS. That limits what a process can miss if the publication of an epoch fails.
    In the last second of that time the record is read again in the background, so requests of a key in use never
    wait.

    If the database has not responded by then, the record is used until it is `stale_seconds` old, as long as
    `confirms` says that the bucket store reports newer epochs. A record's age counts from before it was read.
    `clock` returns seconds and never goes back.
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
        self.refresher = Refresher(self._refresh)

    @property
    def database_is_down(self) -> bool:
        """Return whether the last read of the database failed."""
        return self.refresher.down

    def raise_while_down(self) -> None:
        """Raise OperationalError immediately if the database is known to be down."""
        # Otherwise each request would wait for its own deadline.
        if self.refresher.down:
            raise OperationalError("the database is down; retrying every second")

    def cached(self, key_id: str, hits: CounterLike | None = HITS) -> KeyRecord | None:
        """Return the key's record if a sufficiently recent one is cached, or None. Count it in `hits`, if given.

        Unknown IDs are not cached, so a flood of invented IDs evicts nothing.
        """
        with self._lock:
            entry = self._records.get(key_id)
            if entry is None:
                return None
            age = self._clock() - entry[0]
            if age >= REFRESHED_AFTER_SECONDS and not self._is_usable(key_id, age):
                return None
            self._records.move_to_end(key_id)
            if hits is not None:
                (hits if age < TTL_SECONDS else _STALE).inc()
            return entry[1]

    def cached_at_any_age(self, key_id: str) -> KeyRecord | None:
        """Return the key's cached record, however old it is, or None."""
        entry = self._records.get(key_id)
        return None if entry is None else entry[1]

    def is_old(self, record: KeyRecord) -> bool:
        """Return whether a record is older than TTL_SECONDS, so that the bucket store has to confirm it."""
        entry = self._records.get(record.auth.key_id)
        return entry is None or entry[1] is not record or self._clock() - entry[0] >= TTL_SECONDS

    def load(self, key_id: str, epoch: int = 0) -> KeyRecord | None:
        """Read the key's record from the database now and cache it; return None if the key does not exist.

        `epoch` is the newest epoch that the caller knows. Raises django.db.Error, immediately if the database is
        known to be down.
        """
        read_at = self._clock()
        record = self._read(1, lambda: read_records([key_id])).get(key_id)
        if record is None:
            with self._lock:
                self._records.pop(key_id, None)
            return None
        # The database's epoch can be older than the store's after a restore from a backup. The record takes over
        # the newer one: reading the database again would not help, because its content is authoritative.
        return self._store(replace(record, epoch=max(record.epoch, epoch)), read_at)

    def look_up(self, digests: Mapping[str, Sequence[bytes]]) -> dict[str, KeyRecord]:
        """Return and cache the records, by key ID, of those keys that have a secret with one of the digests.

        A single query finds all of them, so an unknown key costs the same as a wrong secret (see
        `read_records_with`). Raises what `load` raises.
        """
        read_at = self._clock()
        found = self._read(len(digests), lambda: read_records_with(digests))
        return {key_id: self._store(record, read_at) for key_id, record in found.items()}

    def look_up_tokens(self, tokens: int, digests: Sequence[bytes]) -> dict[bytes, KeyRecord]:
        """Return and cache the records of the keys that have an imported token with one of the digests, by digest.

        The digests are those of this many `tokens`. Raises what `load` raises.
        """
        read_at = self._clock()
        found = self._read(tokens, lambda: read_records_by_token(digests))
        return {digest: self._store(record, read_at) for digest, record in found.items()}

    def clear(self) -> None:
        """Remove all records."""
        with self._lock:
            self._records.clear()

    def _is_usable(self, key_id: str, age: float) -> bool:
        """Return whether a record that is due for a refresh can still be used, and request the refresh."""
        refresher = self.refresher
        if age < TTL_SECONDS:
            refresher.enqueue(key_id)
            return True
        if age >= self._stale_seconds or not (refresher.down or refresher.is_queued(key_id)) or not self._confirms():
            return False
        refresher.enqueue(key_id)
        return True

    def _store(self, record: KeyRecord, read_at: float) -> KeyRecord:
        with self._lock:
            self._records[record.auth.key_id] = (read_at, record)
            self._records.move_to_end(record.auth.key_id)
            if len(self._records) > self._capacity:
                self._records.popitem(last=False)
        return record

    def _read(self, wanted: int, read: Callable[[], dict[_K, KeyRecord]]) -> dict[_K, KeyRecord]:
        """Call `read` for this many keys, with a query deadline, and count the result. Raises django.db.Error."""
        try:
            self.raise_while_down()
            try:
                with query_deadline(QUERY_DEADLINE_SECONDS):
                    found = read()
            except Error as error:
                self.refresher.record_failure(f"{type(error).__name__}: {error}")
                raise
        except Error:
            _FAILED.inc(wanted)
            raise
        _LOADED.inc(len(found))
        _UNKNOWN.inc(wanted - len(found))
        return found

    def _refresh(self, key_ids: Sequence[str]) -> None:
        """Refresh the cached records of those keys."""
        before = {key_id: self._records.get(key_id) for key_id in key_ids}
        read_at = self._clock()
        # Without keys, query a key that cannot exist: it only checks that the database responds.
        found = read_records(key_ids or [NO_KEY])
        for key_id, entry in before.items():
            with self._lock:
                # A record that was loaded in the meantime may be newer, so leave it.
                if entry is None or self._records.get(key_id) is not entry:
                    continue
                record = found.get(key_id)
                if record is None:
                    del self._records[key_id]
                    continue
                # This read is no older than the previous one, so the higher epoch applies to it too.
                record = replace(record, epoch=max(record.epoch, entry[1].epoch))
                # Keep the same object if nothing changed: other code caches values that it computed from it.
                self._records[key_id] = (read_at, entry[1] if record == entry[1] else record)
                _LOADED.inc()


@cache
def default_key_cache() -> KeyCache:
    """Return the key cache of this process, created once."""
    track_connections()
    return KeyCache(
        stale_seconds=max(TTL_SECONDS, settings.DIRECTORY_STALE_SECONDS),
        confirms=lambda: default_limiter().confirms_epochs,
    )
