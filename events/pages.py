"""Pages of events: by id, oldest first, so that whoever remembers the last id that was read misses none."""

from dataclasses import dataclass
from typing import Final

from events.models import Event
from events.types import EventType
from latchkey.credentials import KEY_ID_PATTERN
from latchkey.problems import FieldError
from latchkey.validation import InvalidParameters, Refused, whole_number

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 500
_MAX_ID: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, and the id to ask for more after; None where there is no more now."""

    events: list[Event]
    next: int | None


def event_page(
    *, after: str | None = None, limit: str | None = None, type: str | None = None, key_id: str | None = None
) -> EventPage:
    """Events with ids above `after`, from query parameters as they were sent. Raises InvalidParameters."""
    faults: list[FieldError] = []
    first = _number(after, "after", 0, _MAX_ID, faults) if after else 0
    size = _number(limit, "limit", 1, MAX_LIMIT, faults) if limit else DEFAULT_LIMIT
    if type and type not in list(EventType):
        faults.append(FieldError("/type", "not-a-type", f"type is one of {', '.join(EventType)}."))
    if key_id and not KEY_ID_PATTERN.fullmatch(key_id):
        faults.append(FieldError("/key_id", "not-a-key-id", "key_id is lk_ and 12 characters."))
    if faults:
        raise InvalidParameters.of(faults)
    events = Event.objects.filter(id__gt=first)
    if type:
        events = events.filter(type=type)
    if key_id:
        events = events.filter(key_id=key_id)
    found = list(events.order_by("id")[: size + 1])
    return EventPage(found[:size], found[size - 1].id if len(found) > size else None)


def _number(text: str, name: str, least: int, most: int, faults: list[FieldError]) -> int:
    try:
        return whole_number(text, name, least, most)
    except Refused as refusal:
        faults.extend(refusal.faults)
        return least
