"""Verification of the whole event log, in batches."""

from collections.abc import Iterator
from typing import Final

from django.db import DataError
from django.db.models import QuerySet

from events.chain import GENESIS
from events.chain_verification import Break, ChainPosition, verify_events
from events.checkpoints import last_checkpoint_position
from events.models import ChainHead, Event, Seal
from latchkey.peppers import Peppers

BATCH: Final = 1000
# Raised when a stored value does not fit its column's type: SQLite stores anything, PostgreSQL stores infinities.
UNREADABLE: Final = (ValueError, TypeError, OverflowError, DataError)


def verify(peppers: Peppers) -> Iterator[ChainPosition | Break]:
    """Verify the whole log. Yield the position after every batch, and finally a Break if there is one.

    A row that was changed, removed, added or swapped breaks its own digest or the sequence of IDs. A truncated log
    does not end where its head says. A pruned segment needs its checkpoint. This does not detect an attacker who
    can write rows, checkpoints and the head, recompute all digests, and has a pepper. To detect that, keep a copy
    of the latest digest elsewhere.
    """
    found: ChainPosition | Break | None = start_position(peppers)
    while found is not None:
        yield found
        found = verify_batch(found, peppers) if isinstance(found, ChainPosition) else None


def start_position(peppers: Peppers) -> ChainPosition | Break:
    """Return the position after the last checkpoint, or a Break if one is invalid or an older event is left."""
    try:
        position = last_checkpoint_position(Seal.objects.order_by("last_id"), peppers)
    except UNREADABLE:
        return Break(1, "a checkpoint cannot be read")
    if isinstance(position, ChainPosition):
        below = Event.objects.filter(id__lte=position.event_id).order_by("id").values_list("id", flat=True).first()
        if below is not None:
            return Break(below, "there is an event before the oldest one that should be left")
    return position


def verify_batch(position: ChainPosition, peppers: Peppers) -> ChainPosition | Break | None:
    """Verify one batch. Return the position after it, a Break, or None if the log ends at `position`."""
    # Read the head first: the log may grow meanwhile.
    head = ChainHead.objects.filter(id=1).first() or ChainHead(digest=GENESIS)
    events = Event.objects.filter(id__gt=position.event_id).order_by("id")[:BATCH]
    try:
        batch = list(events)
    except UNREADABLE:
        batch = list(_readable(events))
        if not batch:
            return Break(position.event_id + 1, "its content cannot be read")
    if Seal.objects.filter(last_id__gt=position.event_id).exists():
        # The events after `position` were pruned meanwhile, so continue after the newest checkpoint.
        return start_position(peppers)
    if batch:
        return verify_events(position, batch)
    if ChainPosition(head.last_id, head.digest) == position:
        return None
    return Break(
        position.event_id + 1, f"the log ends after event {position.event_id}, but its head says {head.last_id}"
    )


def _readable(events: QuerySet[Event]) -> Iterator[Event]:
    """Yield the events before the first unreadable one."""
    for event_id in list(events.values_list("id", flat=True)):
        try:
            yield Event.objects.get(id=event_id)
        except UNREADABLE:
            return
