"""Event filters: events of one type, of one key, or all."""

from dataclasses import dataclass
from typing import Final

from django.db.models import Q, QuerySet

from events.models import Event
from events.types import EventType
from latchkey.credentials import KEY_ID_PATTERN
from latchkey.query import Parameter, Query, choice_parameter
from latchkey.validation import rejected

MAX_ID: Final = (1 << 63) - 1


def _parse_key_id(typed: str) -> str:
    if not KEY_ID_PATTERN.fullmatch(typed):
        raise rejected("not-a-key-id", "key_id must be lk_ and 12 characters of 0-9 and a-z.")
    return typed


FILTER_PARAMETERS: Final[Query] = (
    choice_parameter("type", list(EventType), "Only events of this type."),
    Parameter(
        "key_id",
        _parse_key_id,
        {"type": "string", "pattern": f"^{KEY_ID_PATTERN.pattern}$"},
        "Only events of this key.",
    ),
)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Filter by `type` and `key_id`. None means no restriction.

    `import_event` is the ID of the event KeysImported that issued the key together with others, if there is one.
    """

    type: str | None = None
    key_id: str | None = None
    import_event: int | None = None

    def matches(self, type: str, key_id: str) -> bool:
        """Return whether an event of this type and key passes the filter."""
        return self.type in (None, type) and self.key_id in (None, key_id)

    def after(self, event_id: int) -> QuerySet[Event]:
        """Return the matching events with IDs above `event_id`, in order."""
        events = Event.objects.filter(id__gt=event_id)
        if self.type is not None:
            events = events.filter(type=self.type)
        if self.key_id is not None:
            events = events.filter(of_key(self.key_id, self.import_event))
        return events.order_by("id")


def of_key(key_id: str, import_event: int | None) -> Q:
    """Return the condition for the events of a key: its own, and the import that issued it, if there was one."""
    own = Q(key_id=key_id)
    return own if import_event is None else own | Q(id=import_event)


ALL_EVENTS: Final = EventFilter()
