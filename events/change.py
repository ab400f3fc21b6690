"""The transaction of a change, whose events are appended at its very end."""

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
    """What a change will append. The log is held from then to the commit alone, whatever else the change does."""

    def __init__(self) -> None:
        self._pending: list[tuple[list[Entry], Origin, datetime]] = []

    def append(
        self, type: EventType, *, origin: Origin, at: datetime, key_id: str = "", data: Mapping[str, object]
    ) -> None:
        """Have one event appended."""
        self.append_all([Entry(type, key_id, data)], origin=origin, at=at)

    def append_all(self, entries: Sequence[Entry], *, origin: Origin, at: datetime) -> None:
        """Have several events appended, which observers see together."""
        self._pending.append((list(entries), origin, at))
        log.deferred.pending = True

    def finish(self) -> None:
        """Append them."""
        log.deferred.pending = False
        for entries, origin, at in self._pending:
            log.append_all(entries, origin=origin, at=at)


class _Open(local):
    change: Change | None = None
    depth = 0


_open: Final = _Open()


@contextmanager
def change() -> Iterator[Change]:
    """Open the transaction of a change; within another change of the same thread, take part in that.

    An error in any part undoes the whole. Raises TransactionManagementError if one was caught in between, and for a
    part that a savepoint could undo while its events stay.
    """
    whole = _open.change
    if whole is not None:
        if len(transaction.get_connection().savepoint_ids) != _open.depth:
            raise transaction.TransactionManagementError("a part of a change has no transaction of its own")
        try:
            yield whole
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
