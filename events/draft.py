"""Drafts of events: new events with their IDs and digests, before they are written, while the log is locked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from events.batched_sql import Statement, insert_statement, update_statement
from events.chain import canonical
from events.models import ChainHead, Event
from events.origin import Origin
from events.types import EventType


@dataclass(frozen=True, slots=True)
class Entry:
    """Contents of an event: its type, the ID of its key (or ""), and its data."""

    type: EventType
    key_id: str
    data: Mapping[str, object]


class Draft:
    """New events that follow the last one of the log, in order, and further statements to write with them."""

    def __init__(self, last_id: int, digest: str) -> None:
        self.events: list[Event] = []
        self.extra_statements: list[Statement] = []
        self._last_id, self._digest = last_id, digest

    def add(self, entry: Entry, origin: Origin, at: datetime) -> Event:
        """Create the next event from `entry`, and return it."""
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

    def next_draft(self) -> "Draft":
        """Return an empty draft that continues after this one."""
        return Draft(self._last_id, self._digest)

    def statements(self) -> list[Statement]:
        """Return the statements that write the draft. The list is empty if there is nothing to write."""
        if not self.events:
            return self.extra_statements
        head = update_statement(ChainHead.objects.filter(id=1), last_id=self._last_id, digest=self._digest)
        return [insert_statement(self.events), head, *self.extra_statements]
