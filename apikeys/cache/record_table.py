"""Record table: the cached records of a process, kept up to date by the events that change keys."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Final, NamedTuple

from apikeys.cache.adopted import Adopted
from apikeys.cache.drops import Drops
from apikeys.cache.records import KeyRecord
from apikeys.cache.rereads import Rereads
from apikeys.change_events import EPOCH_EVENTS, POLICY_EVENTS
from events.feed import FeedEvent
from events.types import EventType

CAPACITY: Final = 50_000

# A restored backup may contain rows that were changed by hand, so it counts as well.
BULK_EVENTS: Final = frozenset((EventType.RECORDS_FORGOTTEN, EventType.BACKUP_RESTORED))
"""Events after which every record may be outdated."""


class Entry(NamedTuple):
    """A record, and when it was read: the time before the query, by the table's clock."""

    read_at: float
    record: KeyRecord


class RecordTable:
    """Bounded LRU table of records by key ID, shared by all threads of a process. A follower of the change feed.

    The events of the feed drop the records that they outdate. So at `confirmed_at`, the time of the feed's last
    question that was answered completely, every record in the table was current. Times are those of the caller's clock,
    which never goes back.

    `policy_changes` counts the events about policies, and `policy_resets` those after which any policy may be another.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.confirmed_at = 0.0
        self.policy_changes = 0
        self.policy_resets = 0
        self._capacity = capacity
        self._lock = Lock()
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._drops = Drops()
        self._rereads = Rereads()
        self._adopted = Adopted()

    @property
    def log(self) -> int:
        """Return the number of the log that the table follows now. Note it before a read, for `store`."""
        return self._drops.log

    def get(self, key_id: str) -> Entry | None:
        """Return the key's entry, or None."""
        return self._entries.get(key_id)

    def use(self, key_id: str) -> Entry | None:
        """Return the key's entry, or None, and count it as used."""
        # Without the lock, for the sake of the hot path: both calls are atomic, and another thread may only remove the
        # entry in between.
        try:
            entry = self._entries[key_id]
            self._entries.move_to_end(key_id)
        except KeyError:
            return None
        return entry

    def store(self, records: Iterable[KeyRecord], read_at: float, log: int) -> bool:
        """Store records that were read at `read_at`, after `log` was noted. Return whether none of them is outdated.

        An outdated record is not stored, and must not be used.
        """
        are_current = True
        with self._lock:
            for record in records:
                key_id = record.auth.key_id
                if self._drops.accept(key_id, record.as_of, log):
                    self._put(key_id, Entry(read_at, record))
                else:
                    are_current = False
        return are_current

    def accepts(self, key_id: str, as_of: int, log: int) -> bool:
        """Return whether a record that was read up to the event `as_of`, after `log` was noted, is not outdated."""
        with self._lock:
            return self._drops.accept(key_id, as_of, log)

    def adopt(self, record: KeyRecord, read_at: float, read_up_to: int, log: int) -> bool:
        """Store a record that another process has read, at this time and up to this event, unless it is outdated or
        the table has one. Return whether it was stored.

        `record.as_of` is the event as of which the record file has it. `log` was noted before it was found.
        """
        key_id = record.auth.key_id
        with self._lock:
            if key_id in self._entries or not self._drops.accept_shared(key_id, read_up_to, record.as_of, log):
                return False
            # It gets no younger than the feed makes it.
            read_at = min(read_at, self.confirmed_at)
            self._add(key_id, Entry(read_at, record))
            self._adopted.add(key_id, read_at)
        return True

    def replace(self, key_id: str, entry: Entry, record: KeyRecord | None, read_at: float) -> None:
        """Replace `entry` with what a later read found, unless it was dropped or replaced meanwhile.

        A record of a standby that lags behind replaces nothing.
        """
        with self._lock:
            if self._entries.get(key_id) is not entry:
                return
            if record is None:
                self._remove(key_id)
            elif record.as_of >= entry.record.as_of:
                # Assigning keeps the key's place in the order of use.
                self._entries[key_id] = Entry(read_at, record)
                self._rereads.add(key_id, read_at)

    def remove(self, key_id: str) -> None:
        """Remove the key's record, if there is one."""
        with self._lock:
            self._remove(key_id)

    def clear(self) -> None:
        """Remove all records."""
        with self._lock:
            self._clear()

    def due_for_reread(self, now: float) -> dict[str, Entry]:
        """Return the entries, by key ID, that are to be read again now. Drop adopted ones that are too old."""
        with self._lock:
            for key_id in self._adopted.pop_ended(now):
                self._remove(key_id)
            return {key_id: self._entries[key_id] for key_id in self._rereads.due(now)}

    def begin(self, event_id: int) -> None:
        """Drop every record: the feed begins after this event, and which keys changed before is unknown."""
        with self._lock:
            self._drops.begin_log(event_id)
            self._clear()
            self.policy_resets += 1

    def apply(self, events: Sequence[FeedEvent]) -> None:
        """Drop the records that these events outdate."""
        with self._lock:
            for event in events:
                if event.type in EPOCH_EVENTS:
                    self._drops.add(event.key_id, event.event_id)
                    entry = self._entries.get(event.key_id)
                    if entry is not None and entry.record.as_of < event.event_id:
                        self._remove(event.key_id)
                elif event.type in BULK_EVENTS:
                    self._drops.add_all(event.event_id)
                    self._clear()
                    self.policy_resets += 1
                elif event.type in POLICY_EVENTS:
                    self.policy_changes += 1

    def _put(self, key_id: str, entry: Entry) -> None:
        self._add(key_id, entry)
        self._rereads.add(key_id, entry.read_at)

    def _add(self, key_id: str, entry: Entry) -> None:
        self._remove(key_id)
        self._entries[key_id] = entry
        if len(self._entries) > self._capacity:
            self._remove(next(iter(self._entries)))

    def _remove(self, key_id: str) -> None:
        entry = self._entries.pop(key_id, None)
        if entry is not None:
            self._rereads.discard(key_id)
            self._adopted.discard(key_id, entry.read_at)

    def _clear(self) -> None:
        self._entries.clear()
        self._rereads.clear()
        self._adopted.clear()
