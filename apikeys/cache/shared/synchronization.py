"""Synchronization of the record file with the event log: moves the file's cursor, and begins the file again."""

from collections.abc import Sequence
from secrets import token_bytes
from typing import Final, NamedTuple

from apikeys.cache.record_table import BULK_EVENTS
from apikeys.cache.shared.seal import GENERATION_BYTES, Header
from apikeys.cache.shared.sealed_file import SealedFile
from apikeys.change_events import EPOCH_EVENTS
from events.feed import PAGE, Cursor, FeedEvent, read_after

MAX_PAGES_BEHIND: Final = 10


class _Done(NamedTuple):
    """The log that this process follows, by its number, and the generation of the file that continues with it."""

    log: int
    generation: bytes


# The file is to be begun again, and another process writes it now.
_NOT_BEGUN: Final = _Done(-1, b"")


class Synchronization:
    """Keeps the promise of the file: every entry is current as of its cursor, a position in the log.

    A process uses the file only after it has found the file's cursor in the log that it follows. If it isn't there, or
    if the process has begun to follow another log, all entries are dropped. One thread calls `follow`. `has_file` says
    whether the file could be opened.
    """

    def __init__(self, file: SealedFile) -> None:
        self.has_file = True
        self._file = file
        self._done: _Done | None = None
        self._last = Cursor(0, "", is_stored=False)

    def has_joined(self, log: int, header: Header) -> bool:
        """Return whether the file belongs to the log with this number, which this process follows."""
        return self._done == (log, header.generation)

    def has(self, position: Cursor, cursor: Cursor, events: Sequence[FeedEvent]) -> bool:
        """Return whether `position` is in the log that this process follows, in which `events` led to `cursor`.

        Raises django.db.Error.
        """
        is_known = position == cursor or any(event[:2] == position[:2] for event in events)
        return is_known or read_after(position) is not None

    def follow(self, log: int, cursor: Cursor, events: Sequence[FeedEvent]) -> None:
        """Bring the file up to `cursor`, to which `events` led. Raises django.db.Error."""
        # A log without events has no digest by which it could be recognized.
        self.has_file = self._file.open()
        if not self.has_file or cursor.event_id == 0:
            self._done = None
            return
        header = self._file.header()
        following = self._following(header, log, cursor, events) if header else None
        self._last = cursor
        if header is None or following is None or any(event.type in BULK_EVENTS for event in following):
            self._begin(header, cursor)
            begun = self._file.header()
            is_begun = begun is not None and begun != header and begun.cursor == cursor
            self._done = _Done(log, begun.generation) if begun and is_begun else _NOT_BEGUN
            return
        self._done = _Done(log, header.generation)
        if following:
            self._apply(header, following)

    def _following(
        self, header: Header, log: int, cursor: Cursor, events: Sequence[FeedEvent]
    ) -> Sequence[FeedEvent] | None:
        """Return the events after the file's cursor, or None if the file can't be used with this log."""
        position = header.cursor
        if self._done is not None:
            if self._done.log != log:
                return None
            if self._done.generation == header.generation and position != cursor:
                # The usual case after a change. It needs no query.
                last = [FeedEvent(self._last.event_id, self._last.digest, "", ""), *events]
                for index, event in enumerate(last[:-1]):
                    if event[:2] == position[:2] and last[index + 1].event_id == event.event_id + 1:
                        return last[index + 1 :]
        return [] if position == cursor else _read_all_after(position)

    def _begin(self, seen: Header | None, cursor: Cursor) -> None:
        with self._file.writing() as is_free:
            # Another process may have begun it.
            if is_free and self._file.header() == seen:
                self._file.begin(Header(token_bytes(GENERATION_BYTES), cursor))

    def _apply(self, seen: Header, events: Sequence[FeedEvent]) -> None:
        cursor = Cursor(events[-1].event_id, events[-1].digest, is_stored=True)
        with self._file.writing() as is_free:
            if is_free and self._file.header() == seen:
                for key_id in {event.key_id for event in events if event.type in EPOCH_EVENTS}:
                    self._file.remove(key_id)
                # Last: if this process ends before, the next one applies the same events.
                self._file.move(Header(seen.generation, cursor))


def _read_all_after(position: Cursor) -> Sequence[FeedEvent] | None:
    """Return the events after the position; None if the log doesn't continue from there, or if there are too many."""
    found: list[FeedEvent] = []
    for _ in range(MAX_PAGES_BEHIND):
        page = read_after(position)
        if page is None:
            return None
        found += page
        if len(page) < PAGE:
            return found
        position = Cursor(page[-1].event_id, page[-1].digest, is_stored=True)
    return None
