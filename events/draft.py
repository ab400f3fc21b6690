"""New events before they are written: each has its id and its digest, and the log is held."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from events.chain import canonical
from events.models import ChainHead, Event
from events.origin import Origin
from events.round_trip import Statement, inserting, updating
from events.types import EventType


@dataclass(frozen=True, slots=True)
class Entry:
    """What an event says: its type, the key that it is about (or ""), and the data."""

    type: EventType
    key_id: str
    data: Mapping[str, object]


class Draft:
    """Events that follow the last one of the log, in their order, and what is written with them."""

    def __init__(self, last_id: int, digest: str) -> None:
        self.events: list[Event] = []
        self.more: list[Statement] = []
        self._last_id, self._digest = last_id, digest

    def add(self, entry: Entry, origin: Origin, at: datetime) -> Event:
        """Return the next event, which `entry` makes."""
        event = Event(
            id=self._last_id + 1,
            type=entry.type.value,
            at=at,
            actor=origin.actor,
            request_id=origin.request_id,
            key_id=entry.key_id,
            data_json=canonical(entry.data),
        )
        event.digest = event.digest_after(self._digest)
        self._last_id, self._digest = event.id, event.digest
        self.events.append(event)
        return event

    def following(self) -> "Draft":
        """Return an empty draft whose events follow those of this one."""
        return Draft(self._last_id, self._digest)

    def statements(self) -> list[Statement]:
        """Return what writes all of it; nothing if there is nothing to write."""
        if not self.events:
            return self.more
        head = updating(ChainHead.objects.filter(id=1), last_id=self._last_id, digest=self._digest)
        return [inserting(self.events), head, *self.more]
