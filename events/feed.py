"""Change feed: reads the event log from a cursor on, and detects that the log is no longer the one it was read from.

Event IDs are assigned in commit order and have no gaps, so a reader that continues after its cursor misses nothing.
"""

from typing import Final, NamedTuple

from django.db.models import Exists, OuterRef

from events.chain import GENESIS
from events.models import ChainHead, Event

PAGE: Final = 500


class Cursor(NamedTuple):
    """Position in the log: the ID and digest of the last event that was read.

    `is_stored` says whether the log had this event. Otherwise the log is empty, or all of its events were pruned.
    """

    event_id: int
    digest: str
    is_stored: bool


class FeedEvent(NamedTuple):
    """What the feed reads of an event."""

    event_id: int
    digest: str
    type: str
    key_id: str


def read_head() -> Cursor:
    """Return the cursor at the end of the log. Raises django.db.Error."""
    own_event = Event.objects.filter(id=OuterRef("last_id"), digest=OuterRef("digest"))
    heads = ChainHead.objects.filter(id=1).annotate(is_stored=Exists(own_event))
    head = heads.values_list("last_id", "digest", "is_stored").first()
    return Cursor(*head) if head else Cursor(0, GENESIS, is_stored=False)


def read_after(cursor: Cursor) -> list[FeedEvent] | None:
    """Return up to PAGE events after the cursor, or None if the log does not continue from it.

    That is the case if the cursor's event is gone (pruned, truncated) or has another digest (a restored backup, a
    failover that lost events). It takes one query. Raises django.db.Error.
    """
    if cursor.event_id == 0:
        # Every log continues from an empty one.
        events = _read_from(1, PAGE)
        return events if [event.event_id for event in events] == list(range(1, len(events) + 1)) else None
    if not cursor.is_stored:
        return [] if read_head() == cursor else None
    # The cursor's own event is read too: its digest covers all events before it.
    events = _read_from(cursor.event_id, PAGE + 1)
    if not events or events[0][:2] != cursor[:2] or events[-1].event_id - cursor.event_id != len(events) - 1:
        return None
    return events[1:]


def _read_from(event_id: int, count: int) -> list[FeedEvent]:
    found = Event.objects.filter(id__gte=event_id).order_by("id")[:count]
    return [FeedEvent(*row) for row in found.values_list("id", "digest", "type", "key_id")]
