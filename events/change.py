"""Transaction of a change, with its events appended at the very end."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import local
from typing import Final

from django.db import transaction

from events import log
from events.draft import Entry
from events.origin import Origin
from events.types import EventType


class Change:
    """Events that a change will append.

    They are collected first, so that the log is locked only from the append to the commit.
    """

    def __init__(self) -> None:
        self._pending: list[tuple[list[Entry], Origin, datetime]] = []

    def append(
        self, type: EventType, *, origin: Origin, at: datetime, key_id: str = "", data: Mapping[str, object]
    ) -> None:
        """Add one event."""
        self.append_all([Entry(type, key_id, data)], origin=origin, at=at)

    def append_all(self, entries: Sequence[Entry], *, origin: Origin, at: datetime) -> None:
        """Add several events, which observers see together."""
        self._pending.append((list(entries), origin, at))
        log.deferred.pending = True

    def finish(self) -> None:
        """Append the events to the log."""
        log.deferred.pending = False
        for entries, origin, at in self._pending:
            log.append_all(entries, origin=origin, at=at)


class _Open(local):
    change: Change | None = None
    depth = 0


_open: Final = _Open()


@contextmanager
def change() -> Iterator[Change]:
    """Open the transaction of a change. Within another change of the same thread, join that one.

    An error in any part rolls back everything. Raise TransactionManagementError if such an error was caught in
    between, or if a part runs in its own savepoint.
    """
    outer = _open.change
    if outer is not None:
        # A savepoint could roll the part back while its events stay in the list.
        if len(transaction.get_connection().savepoint_ids) != _open.depth:
            raise transaction.TransactionManagementError("a part of a change has no transaction of its own")
        try:
            yield outer
        except BaseException:
            transaction.set_rollback(True)
            raise
        return
    with transaction.atomic():
        _open.change, _open.depth = Change(), len(transaction.get_connection().savepoint_ids)
        try:
            yield _open.change
            if transaction.get_rollback():
                raise transaction.TransactionManagementError("a part of the change has failed")
            _open.change.finish()
        finally:
            _open.change = None
            log.deferred.pending = False
