"""Whether events follow one another as they were written: the first that does not, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from events.models import Event


@dataclass(frozen=True, slots=True)
class Break:
    """The first place at which the chain does not hold: an event's id, and what is wrong there."""

    event_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the chain: the last event before it, and that event's digest."""

    event_id: int
    digest: str


def follow(start: Place, events: Sequence[Event]) -> Place | Break:
    """Where `events`, in the order of ids, lead from `start`, or the first of them that does not hold."""
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
    return None if digest == event.digest else "its content is not what its digest covers"
