"""Pages of events: by id, oldest first, so that whoever remembers the last id that was read misses none."""

from dataclasses import dataclass
from typing import Final

from events.models import Event
from events.selection import MAX_ID, Selection
from latchkey.problems import FieldError
from latchkey.validation import InvalidParameters, Refused, whole_number

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 500


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
    first = number(after, "after", 0, MAX_ID, faults) if after else 0
    size = number(limit, "limit", 1, MAX_LIMIT, faults) if limit else DEFAULT_LIMIT
    selection = Selection.parse(type, key_id, faults)
    if faults:
        raise InvalidParameters.of(faults)
    found = list(selection.after(first)[: size + 1])
    return EventPage(found[:size], found[size - 1].id if len(found) > size else None)


def number(text: str, name: str, least: int, most: int, faults: list[FieldError]) -> int:
    """The number in the query parameter `name`; where it is none from `least` to `most`, that goes to `faults`."""
    try:
        return whole_number(text, name, least, most)
    except Refused as refusal:
        faults.extend(refusal.faults)
        return least
