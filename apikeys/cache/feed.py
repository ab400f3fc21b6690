"""Change feed of a process: follows the event log, so that what is cached is current without being read again."""

from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
from django.db import connection

from apikeys.read_only import connection_is_to_standby
from events.feed import PAGE, Cursor, FeedEvent, read_after, read_head

log = structlog.get_logger(__name__)


class Follower(Protocol):
    """State that the events of the log change. `confirmed_at` is when it was current, by the clock of the feed."""

    confirmed_at: float

    def begin(self, event_id: int) -> None:
        """Drop everything: the feed begins after this event, and what changed before is unknown."""

    def apply(self, events: Sequence[FeedEvent]) -> None:
        """Apply the next events."""


class ChangeFeed:
    """Feed of the event log for a follower. `clock` returns seconds and never goes back.

    A question reads one page. It begins at the end of the log, and again if the log is no longer the one it was: after
    a restored backup, a failover that lost events, or if the event of the cursor was pruned or truncated.

    `last_events` are those that the last question has read, or None if it got no answer of a primary.
    """

    def __init__(self, follower: Follower, clock: Callable[[], float]) -> None:
        self._follower = follower
        self._clock = clock
        self._cursor: Cursor | None = None
        self.last_events: Sequence[FeedEvent] | None = None

    @property
    def cursor(self) -> Cursor | None:
        """Return the position up to which the follower has applied the log; None before the first answer."""
        return self._cursor

    def ask(self) -> bool:
        """Ask for the events after the cursor. Return whether more are waiting. Raises django.db.Error."""
        self.last_events = None
        connection.ensure_connection()
        # A standby lags behind, so its answer confirms nothing.
        if connection_is_to_standby():
            return False
        # Before the query: an event that is committed while the answer is under way is not in it.
        asked_at = self._clock()
        events = None if self._cursor is None else read_after(self._cursor)
        if events is None:
            self._begin()
            events = []
        elif events:
            self._follower.apply(events)
            self._cursor = Cursor(events[-1].event_id, events[-1].digest, is_stored=True)
        self.last_events = events
        if len(events) == PAGE:
            return True
        self._follower.confirmed_at = asked_at
        return False

    def _begin(self) -> None:
        head = read_head()
        if self._cursor is not None:
            log.warning("event_log_discontinued", after_id=self._cursor.event_id, head_id=head.event_id)
        # In this order: a record that is read from now on includes all events up to `head`.
        self._follower.begin(head.event_id)
        self._cursor = head
