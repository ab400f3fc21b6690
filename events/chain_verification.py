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
class ChainPosition:
    """A position in the chain: an event's ID and digest. The next event must follow it."""

    event_id: int
    digest: str


def verify_events(start: ChainPosition, events: Sequence[Event]) -> ChainPosition | Break:
    """Verify `events`, in the order of IDs, from `start` on. Return the position after them, or the first Break."""
    position = start
    for event in events:
        reason = _find_fault(event, position)
        if reason:
            return Break(position.event_id + 1, reason)
        position = ChainPosition(event.id, event.digest)
    return position


def _find_fault(event: Event, previous: ChainPosition) -> str | None:
    if event.id != previous.event_id + 1:
        return f"event {previous.event_id + 1} is missing"
    try:
        digest = event.digest_after(previous.digest)
    except (AttributeError, TypeError, ValueError):
        return "its content cannot be read"
    return None if digest == event.digest else "its content does not match its digest"
