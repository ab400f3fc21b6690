"""Calls about events: pages of the log, and the live stream."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from latchkey.client.document import Document
from latchkey.client.event import Event
from latchkey.client.follower import Follower
from latchkey.client.transport import Transport

LARGEST_PAGE: Final = 500
PATIENCE_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of events, oldest first. `next` is the `after` of the next page, None if there are no more now."""

    events: tuple[Event, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Events:
    """Calls about events. Every method raises ClientError."""

    transport: Transport

    def page(
        self, *, after: int = 0, limit: int | None = None, type: str | None = None, key_id: str | None = None
    ) -> EventPage:
        """Return 1 to LARGEST_PAGE events with IDs above `after`: of one type or one key, if these are given."""
        query = {"after": after, "limit": limit, "type": type, "key_id": key_id}
        params = {name: str(value) for name, value in query.items() if value is not None}
        page = Document(self.transport.call("GET", "/v1/events", params=params), "page")
        events = tuple(Event.read(event) for event in page.documents("items", "event"))
        return EventPage(events, page.integer("next") if page.has("next") else None)

    def list(self, *, after: int = 0, type: str | None = None, key_id: str | None = None) -> Iterator[Event]:
        """Yield all events with IDs above `after`, oldest first, up to the end of the log.

        Each page is fetched when it's needed.
        """
        position: int | None = after
        while position is not None:
            page = self.page(after=position, limit=LARGEST_PAGE, type=type, key_id=key_id)
            yield from page.events
            position = page.next

    def follow(
        self,
        *,
        after: int | None = None,
        type: str | None = None,
        key_id: str | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
        opened: Callable[[int], None] | None = None,
    ) -> Iterator[Event]:
        """Yield events as they happen, each once and in order, without end: those after `after`, or from now on.

        A stream that was cut is opened again where it was, for up to `patience_seconds` without a
        connection. If it begins now, `opened` is called with the ID of the log's last event, so that another
        process can continue after it.

        Raises ClientError if that time is over, if the stream can't be opened the first time, and if the key is no
        longer allowed to read it.
        """
        filters = {"type": type, "key_id": key_id}
        params = {name: value for name, value in filters.items() if value is not None}
        return Follower(self.transport, params, after, patience_seconds, opened or _ignore).events()


def _ignore(_event_id: int) -> None:
    """Ignore the ID. This is the default."""
