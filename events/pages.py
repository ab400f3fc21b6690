"""Pages of events by ID, oldest first: a reader that remembers the last ID it read misses none."""

from dataclasses import dataclass
from typing import Final

from events.event_filter import FILTER_PARAMETERS, MAX_ID, EventFilter
from events.models import Event
from latchkey.query import Query, number_parameter

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 500


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of events. `next` is the ID to ask for more after, or None if there are no more now."""

    events: list[Event]
    next: int | None


STREAM_QUERY: Final[Query] = (
    number_parameter("after", 0, MAX_ID, "ID of the last event that was read. Default: 0; for a stream: now."),
    *FILTER_PARAMETERS,
)
QUERY: Final[Query] = (
    *STREAM_QUERY,
    number_parameter(
        "limit", 1, MAX_LIMIT, "Maximum number of events on a page. Not for a stream.", default=DEFAULT_LIMIT
    ),
)


def event_page(
    *,
    after: int = 0,
    limit: int = DEFAULT_LIMIT,
    type: str | None = None,
    key_id: str | None = None,
    import_event: int | None = None,
) -> EventPage:
    """Return the events with IDs above `after`. The arguments are the parsed parameters of QUERY, and the import that
    issued the key.
    """
    # One more than the page needs: it shows whether another page follows.
    found = list(EventFilter(type, key_id, import_event).after(after)[: limit + 1])
    return EventPage(found[:limit], found[limit - 1].id if len(found) > limit else None)
