"""Chain verification: finds the first event that does not follow the previous one as it was written."""

from collections.abc import Sequence
from dataclasses import dataclass

from events.models import Event


@dataclass(frozen=True, slots=True)
class Break:
    """The first invalid event of the chain: its ID, and what is wrong."""

    event_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """A position in the chain: an event's ID and digest. The next event must follow it."""

    event_id: int
    digest: str


def follow(start: Place, events: Sequence[Event]) -> Place | Break:
    """Verify `events`, in the order of IDs, from `start` on. Return the position after them, or the first Break."""
    place = start
    for event in events:
        reason = _reason(event, place)
        if reason:
            return Break(place.event_id + 1, reason)
        place = Place(event.id, event.digest)
    return place


def _reason(event: Event, before: Place) -> str | None:
    if event.id != before.event_id + 1:
        return f"event {before.event_id + 1} is missing"
    try:
        digest = event.digest_after(before.digest)
    except (AttributeError, TypeError, ValueError):
        return "its content cannot be read"
    return None if digest == event.digest else "its content does not match its digest"
