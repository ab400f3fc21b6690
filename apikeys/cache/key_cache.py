"""Key cache: reads what a request needs of a key from the database once, and keeps it in the process for a while."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Final, TypeVar

import structlog
from django.conf import settings
from django.db import Error, OperationalError
from prometheus_client import Counter

from apikeys.cache.feed import ChangeFeed
from apikeys.cache.policy_followers import PolicyFollowers
from apikeys.cache.poller import DatabasePoller
from apikeys.cache.query_deadlines import query_deadline, track_connections
from apikeys.cache.record_table import CAPACITY, RecordTable
from apikeys.cache.records import KeyRecord, read_records, read_records_by_token, read_records_with
from apikeys.cache.shared.records import Found, SharedRecords
from apikeys.cache.shared.seal import Seal, read_boot_id
from apikeys.cache.shared.sealed_file import SealedFile
from latchkey import metric_names
from latchkey.buffered_metrics import CounterLike
from latchkey.peppers import Peppers
from ratelimit.limiter import default_limiter

TTL_SECONDS: Final = 5.0
QUERY_DEADLINE_SECONDS: Final = 2.0
MAX_READS: Final = 3

log = structlog.get_logger(__name__)

_K = TypeVar("_K", str, bytes)

LOOKUPS: Final = Counter(metric_names.KEY_DIRECTORY_LOOKUPS, "Lookups in the key cache, by outcome.", ["outcome"])
HITS: Final = LOOKUPS.labels("hit")
_STALE = LOOKUPS.labels("stale")
_SHARED = LOOKUPS.labels("shared")
_LOADED = LOOKUPS.labels("loaded")
_UNKNOWN = LOOKUPS.labels("unknown")
_FAILED = LOOKUPS.labels("failed")


class KeyCache:
    """Bounded LRU cache of key records by key ID, shared by all threads of a process.

    A background thread asks once a second for the events since its last question, and they drop the records of the
    keys that they changed. So a record is as old as that question, or as its own read if that was later. It is trusted
    until it is TTL_SECONDS old. That limits what a process can miss if the publication of an epoch fails. Requests of a
    cached key never wait for the database.

    If the database has not responded by then, the record is used until it is `stale_seconds` old, as long as
    `confirms` says that the bucket store reports newer epochs. An age counts from before the question or the read.
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
        self._stale_seconds = stale_seconds
        self._confirms = confirms
        self._table = RecordTable(capacity)
        self._feed = ChangeFeed(self._table, clock)
        self._policy_followers: PolicyFollowers | None = None
        self._shared: SharedRecords | None = None
        self.poller = DatabasePoller(self._ask)

    @property
    def database_is_down(self) -> bool:
        """Return whether the last read of the database failed."""
        return self.poller.down

    def raise_while_down(self) -> None:
        """Raise OperationalError immediately if the database is known to be down."""
        # Otherwise each request would wait for its own deadline.
        if self.poller.down:
            raise OperationalError("the database is down; retrying every second")

    def cached(self, key_id: str, hits: CounterLike | None = HITS) -> KeyRecord | None:
        """Return the key's record if a sufficiently recent one is cached, or None. Count it in `hits`, if given.

        Unknown IDs are not cached, so a flood of invented IDs evicts nothing.
        """
        entry = self._table.use(key_id)
        if entry is None:
            return None
        read_at, record = entry
        age = self._clock() - max(read_at, self._table.confirmed_at)
        if age >= TTL_SECONDS and not self._is_usable(age):
            return None
        if hits is not None:
            (hits if age < TTL_SECONDS else _STALE).inc()
        return record

    def share(self, path: Path, peppers: Peppers) -> None:
        """Share records with the other processes of this host, in a file at `path` that is sealed with the pepper."""
        try:
            file = SealedFile(path, Seal(peppers, read_boot_id()))
        except OSError as error:
            log.warning("record_file_not_used", error=str(error))
            return
        self._shared = SharedRecords(file, self._table, lambda: self._feed.cursor, self._clock)

    def find_shared(self, key_id: str, *, waits: bool = True) -> Found | None:
        """Return the record of the key that another process has read, or None if none can be used.

        It is also None if a disk would have to be read and the caller doesn't wait.
        """
        if self._shared is None:
            return None
        age = self._clock() - self._table.confirmed_at
        return None if age >= TTL_SECONDS and not self._is_usable(age) else self._shared.find(key_id, waits=waits)

    def adopt(self, found: Found) -> bool:
        """Cache what `find_shared` has returned, once a credential was confirmed by it. Return whether it is still
        current. A wrong secret must evict nothing.
        """
        is_current = self._table.adopt(*found.read, found.log)
        if is_current:
            _SHARED.inc()
        return is_current

    def cached_at_any_age(self, key_id: str) -> KeyRecord | None:
        """Return the key's cached record, however old it is, or None."""
        entry = self._table.get(key_id)
        return None if entry is None else entry.record

    def is_old(self, record: KeyRecord) -> bool:
        """Return whether a record is older than TTL_SECONDS, so that the bucket store has to confirm it."""
        entry = self._table.get(record.auth.key_id)
        if entry is None or entry.record is not record:
            return True
        return self._clock() - max(entry.read_at, self._table.confirmed_at) >= TTL_SECONDS

    def load(self, key_id: str, epoch: int = 0) -> KeyRecord | None:
        """Read the key's record from the database now and cache it; return None if the key does not exist.

        `epoch` is the newest epoch that the caller knows. Raises django.db.Error, immediately if the database is
        known to be down.
        """

        # The database's epoch can be older than the store's after a restore from a backup. The record takes over
        # the newer one: reading the database again would not help, because its content is authoritative.
        def read() -> dict[str, KeyRecord]:
            found = read_records([key_id])
            return {name: replace(record, epoch=max(record.epoch, epoch)) for name, record in found.items()}

        record = self._read(1, read).get(key_id)
        if record is None:
            self._table.remove(key_id)
            if self._shared is not None:
                self._shared.remove([key_id])
        return record

    def look_up(self, digests: Mapping[str, Sequence[bytes]]) -> dict[str, KeyRecord]:
        """Return and cache the records, by key ID, of those keys that have a secret with one of the digests.

        Two queries find all of them, and an unknown key costs the same as a wrong secret (see `read_records_with`).
        Raises what `load` raises.
        """
        return self._read(len(digests), lambda: read_records_with(digests))

    def look_up_tokens(self, tokens: int, digests: Sequence[bytes]) -> dict[bytes, KeyRecord]:
        """Return and cache the records of the keys that have an imported token with one of the digests, by digest.

        The digests are those of this many `tokens`. Raises what `load` raises.
        """
        return self._read(tokens, lambda: read_records_by_token(digests))

    def clear(self) -> None:
        """Remove all records."""
        self._table.clear()

    def follow_policies(self, refresh: Callable[[], None], reload: Callable[[], None]) -> None:
        """Let the background thread read policies: changes of them by `refresh`, and all of them by `reload`."""
        self._policy_followers = PolicyFollowers(self._table, refresh, reload)

    def _is_usable(self, age: float) -> bool:
        """Return whether a record that is older than TTL_SECONDS can still be used."""
        is_late = self.poller.down or self.poller.is_asking
        return is_late and age < self._stale_seconds and self._confirms()

    def _read(self, wanted: int, read: Callable[[], dict[_K, KeyRecord]]) -> dict[_K, KeyRecord]:
        """Cache and count what `read` finds of this many keys, with a query deadline. Raises django.db.Error."""
        self.poller.start()
        try:
            found = self._read_current(read)
        except Error:
            _FAILED.inc(wanted)
            raise
        _LOADED.inc(len(found))
        _UNKNOWN.inc(wanted - len(found))
        return found

    def _read_current(self, read: Callable[[], dict[_K, KeyRecord]]) -> dict[_K, KeyRecord]:
        """Cache and return what `read` finds. Read again if a key was changed since, up to MAX_READS times."""
        for _ in range(MAX_READS):
            self.raise_while_down()
            log_number, read_at = self._table.log, self._clock()
            try:
                with query_deadline(QUERY_DEADLINE_SECONDS):
                    found = read()
            except Error as error:
                self.poller.record_failure(f"{type(error).__name__}: {error}")
                raise
            if self._table.store(found.values(), read_at, log_number):
                if self._shared is not None and found:
                    self._shared.add(found.values(), read_at, log_number)
                return found
        # The database lacks events that this process has seen. The feed finds out whether it is another log.
        self.poller.wake()
        raise OperationalError("the database returns keys as they were before a change that is already known")

    def _ask(self) -> bool:
        """Ask the feed once, and read records again that are due. Return whether more events are waiting."""
        if self._feed.ask():
            return True
        if self._policy_followers is not None:
            self._policy_followers.follow()
        self._reread()
        if self._shared is not None and self._feed.last_events is not None:
            self._shared.follow(self._feed.last_events)
        return False

    def _reread(self) -> None:
        """Read again records that were read long ago: no event reports a change that was made in SQL by hand."""
        read_at = self._clock()
        due, log_number = self._table.due_for_reread(read_at), self._table.log
        try:
            found = read_records(list(due)) if due else {}
        except Error:
            raise
        except Exception:
            # A row that was changed by hand may be invalid. Only requests of that key must fail, so remove all of these
            # records: each is read alone then.
            log.exception("records_not_reread")
            found = {}
        for key_id, entry in due.items():
            record = found.get(key_id)
            # This read is no older than the previous one, so the higher epoch applies to it too.
            newer = record and replace(record, epoch=max(record.epoch, entry.record.epoch))
            self._table.replace(key_id, entry, newer, read_at)
        if self._shared is not None and due:
            self._shared.add(found.values(), read_at, log_number)
            self._shared.remove(due.keys() - found.keys())


@cache
def default_key_cache() -> KeyCache:
    """Return the key cache of this process, created once."""
    track_connections()
    return KeyCache(
        stale_seconds=max(TTL_SECONDS, settings.DIRECTORY_STALE_SECONDS),
        confirms=lambda: default_limiter().confirms_epochs,
    )
