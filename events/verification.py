"""Verification of the whole log, batch by batch."""

from collections.abc import Iterator
from typing import Final

from django.db import DataError
from django.db.models import QuerySet

from events.chain import GENESIS
from events.continuity import Break, Place, follow
from events.models import ChainHead, Event, Seal
from events.seals import seal_place
from latchkey.peppers import Peppers

BATCH: Final = 1000
# What a value that is none of its column's type does when it is read: SQLite keeps anything, PostgreSQL infinities.
UNREADABLE: Final = (ValueError, TypeError, OverflowError, DataError)


def verify(peppers: Peppers) -> Iterator[Place | Break]:
    """Walks the whole log: yields the place that it has come to, time and again, and last the Break if there is one.

    A row that was changed, dropped, added or swapped breaks its own digest or the sequence of ids; a log that was cut
    short does not end where its head says; a segment that was pruned needs its seal. Whoever can write rows, seals and
    head, compute all digests anew and holds a pepper is not found by this; that is what a copy of the latest digest
    kept elsewhere is for.
    """
    found: Place | Break | None = beginning(peppers)
    while found is not None:
        yield found
        found = step(found, peppers) if isinstance(found, Place) else None


def beginning(peppers: Peppers) -> Place | Break:
    """Where the walk begins: behind the last seal, all seals being right and no event left below it."""
    try:
        place = seal_place(Seal.objects.order_by("last_id"), peppers)
    except UNREADABLE:
        return Break(1, "a seal cannot be read")
    if isinstance(place, Place):
        below = Event.objects.filter(id__lte=place.event_id).order_by("id").values_list("id", flat=True).first()
        if below is not None:
            return Break(below, "there is an event below the first that is kept")
    return place


def step(place: Place, peppers: Peppers) -> Place | Break | None:
    """One batch further; None where the log ends at `place`, as its head says too."""
    head = ChainHead.objects.filter(id=1).first() or ChainHead(digest=GENESIS)  # read first, as the log may go on
    events = Event.objects.filter(id__gt=place.event_id).order_by("id")[:BATCH]
    try:
        batch = list(events)
    except UNREADABLE:
        batch = list(_readable(events))
        if not batch:
            return Break(place.event_id + 1, "its content cannot be read")
    if Seal.objects.filter(last_id__gt=place.event_id).exists():
        return beginning(peppers)  # pruned meanwhile
    if batch:
        return follow(place, batch)
    if Place(head.last_id, head.digest) == place:
        return None
    return Break(place.event_id + 1, f"the log ends after event {place.event_id}, but its head says {head.last_id}")


def _readable(events: QuerySet[Event]) -> Iterator[Event]:
    """The events up to the first that cannot be read."""
    for event_id in list(events.values_list("id", flat=True)):
        try:
            yield Event.objects.get(id=event_id)
        except UNREADABLE:
            return
