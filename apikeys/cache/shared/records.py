"""Shared records: what the processes of a host find in the record file, and what they write there."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from apikeys.cache.record_table import RecordTable
from apikeys.cache.records import FOREIGN, KeyRecord
from apikeys.cache.rereads import REREAD_AFTER_SECONDS
from apikeys.cache.shared.packing import ReadRecord
from apikeys.cache.shared.sealed_file import SealedFile
from apikeys.cache.shared.synchronization import Synchronization
from events.feed import Cursor, FeedEvent

# While the feed or another writer holds them up, for example for a second of cold reads.
MAX_WAITING: Final = 10_000
# At a time, because a request may wait for the thread that writes them.
MAX_WRITES: Final = 1_000


class Found(NamedTuple):
    """A record in the file, as of the file's cursor, and the number of the log before it was found."""

    read: ReadRecord
    log: int


class _Waiting(NamedTuple):
    """A record that is to be written, or None in place of one that is to be removed."""

    key_id: str
    record: KeyRecord | None
    read_at: float
    log: int


class SharedRecords:
    """Records that the processes of a host share. `clock` is the host's monotonic clock.

    Every entry of the file is current as of the file's cursor. It is used and written under the rule of records that
    this process reads itself: no event that `table` knows may have changed the key since. `cursor` returns the position
    up to which `table` has applied the log.
    """

    def __init__(
        self,
        file: SealedFile,
        table: RecordTable,
        cursor: Callable[[], Cursor | None],
        clock: Callable[[], float],
    ) -> None:
        self._file = file
        self._table = table
        self._cursor = cursor
        self._clock = clock
        self._synchronization = Synchronization(file)
        self._waiting: deque[_Waiting] = deque(maxlen=MAX_WAITING)
        # The last position of the file that the feed had not passed when a record was found, and the last one that is
        # known to be in the log.
        self._ahead: Cursor | None = None
        self._verified: Cursor | None = None

    def find(self, key_id: str, *, waits: bool = True) -> Found | None:
        """Return the key's record, or None if the file has none that can be used.

        It is also None if the disk would have to be read and the caller doesn't wait.
        """
        log = self._table.log
        header = self._file.header()
        if header is None or not self._synchronization.has_joined(log, header):
            return None
        found = self._file.find(key_id, header, waits=waits)
        if found is None or not 0 <= self._clock() - found.read_at < REREAD_AFTER_SECONDS:
            return None
        cursor = self._cursor()
        if cursor is None or header.cursor.event_id >= cursor.event_id:
            self._ahead = header.cursor
        return Found(found, log)

    def add(self, records: Iterable[KeyRecord], read_at: float, log: int) -> None:
        """Write records that were read at `read_at`, after `log` was noted: now, or after the feed's next answer.

        Those with an imported digest are left out: it may be one without a key, and its first use replaces it in the
        database only.
        """
        self._wait([_Waiting(one.auth.key_id, one, read_at, log) for one in records if not _has_foreign_digest(one)])

    def remove(self, key_ids: Iterable[str]) -> None:
        """Remove the records of keys that the database doesn't have, or whose rows are invalid."""
        self._wait([_Waiting(key_id, None, 0.0, 0) for key_id in key_ids])

    def follow(self, events: Sequence[FeedEvent]) -> None:
        """Bring the file up to the feed's cursor, to which `events` lead. Raises django.db.Error.

        Call this after each complete answer of the feed.
        """
        cursor = self._cursor()
        if cursor is not None:
            self._verify(cursor, events)
            self._synchronization.follow(self._table.log, cursor, events)
            self._write_waiting()

    def _verify(self, cursor: Cursor, events: Sequence[FeedEvent]) -> None:
        """Drop all records if one was found as of an event that the log doesn't have.

        A failover may have lost it, and the feed, which had not read it yet, doesn't miss it.
        """
        ahead = self._ahead
        if ahead is None or ahead == self._verified:
            return
        if self._synchronization.has(ahead, cursor, events):
            self._verified = ahead
        else:
            self._ahead = None
            self._table.begin(cursor.event_id)

    def _wait(self, more: Sequence[_Waiting]) -> None:
        if self._synchronization.has_file:
            self._waiting.extend(more)
            self._write_waiting()

    def _write_waiting(self) -> None:
        """Write what waits, unless another process writes, or the feed and the file are at different events."""
        if not self._waiting:
            return
        with self._file.writing() as is_free:
            # In this order: `table` has applied the events up to the cursor, or more.
            cursor = self._cursor()
            header = self._file.header() if is_free else None
            if cursor is None or header is None or header.cursor != cursor:
                return
            if not self._synchronization.has_joined(self._table.log, header):
                return
            has_room = self._file.has_room()
            for _ in range(min(len(self._waiting), MAX_WRITES)):
                one = self._waiting.popleft()
                if one.record is None:
                    self._file.remove(one.key_id)
                elif one.record.as_of > cursor.event_id:
                    self._waiting.append(one)
                elif has_room and self._table.accepts(one.key_id, one.record.as_of, one.log):
                    self._file.write(one.record, one.read_at, header.generation)


def _has_foreign_digest(record: KeyRecord) -> bool:
    return any(secret.pepper_id.startswith(FOREIGN) for secret in record.secrets)
