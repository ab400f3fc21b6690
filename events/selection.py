"""Which events are asked for: of one type, of one key, or all."""

from dataclasses import dataclass
from typing import Final

from django.db.models import QuerySet

from events.models import Event
from events.types import EventType
from latchkey.credentials import KEY_ID_PATTERN
from latchkey.problems import FieldError

MAX_ID: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Selection:
    """Events of `type`, of `key_id`; None for either means all."""

    type: str | None = None
    key_id: str | None = None

    @classmethod
    def parse(cls, type: str | None, key_id: str | None, faults: list[FieldError]) -> "Selection":
        """The selection that query parameters ask for, as they were sent; what is wrong with them goes to `faults`."""
        if type and type not in list(EventType):
            faults.append(FieldError("/type", "not-a-type", f"type is one of {', '.join(EventType)}."))
        if key_id and not KEY_ID_PATTERN.fullmatch(key_id):
            faults.append(FieldError("/key_id", "not-a-key-id", "key_id is lk_ and 12 characters."))
        return cls(type or None, key_id or None)

    def admits(self, type: str, key_id: str) -> bool:
        """Whether an event of this type and key is among them."""
        return self.type in (None, type) and self.key_id in (None, key_id)

    def after(self, event_id: int) -> QuerySet[Event]:
        """Those with ids above `event_id`, in order."""
        events = Event.objects.filter(id__gt=event_id)
        if self.type is not None:
            events = events.filter(type=self.type)
        if self.key_id is not None:
            events = events.filter(key_id=self.key_id)
        return events.order_by("id")


ALL: Final = Selection()
