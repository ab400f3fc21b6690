"""The calls about events: pages of the log, and the live stream."""

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
    """Events, oldest first; `next` is the `after` of the page that follows, None where there is no more now."""

    events: tuple[Event, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Events:
    """Every method raises ClientError."""

    transport: Transport

    def page(
        self, *, after: int = 0, limit: int | None = None, type: str | None = None, key_id: str | None = None
    ) -> EventPage:
        """1 to LARGEST_PAGE events with ids above `after`; of one type, or of one key."""
        asked = {"after": after, "limit": limit, "type": type, "key_id": key_id}
        params = {name: str(value) for name, value in asked.items() if value is not None}
        page = Document(self.transport.call("GET", "/v1/events", params=params), "page")
        events = tuple(Event.read(event) for event in page.documents("items", "event"))
        return EventPage(events, page.integer("next") if page.has("next") else None)

    def list(self, *, after: int = 0, type: str | None = None, key_id: str | None = None) -> Iterator[Event]:
        """All events with ids above `after`, oldest first, page by page as they are taken, up to what there is now."""
        place: int | None = after
        while place is not None:
            page = self.page(after=place, limit=LARGEST_PAGE, type=type, key_id=key_id)
            yield from page.events
            place = page.next

    def follow(
        self,
        *,
        after: int | None = None,
        type: str | None = None,
        key_id: str | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
        opened: Callable[[int], None] | None = None,
    ) -> Iterator[Event]:
        """Events as they happen, each once and in order, without end: those after `after`, or from now on.

        A stream that was cut is opened again where it was, for up to `patience_seconds` without a connection. Where it
        begins now, `opened` is told the id of the log's last event, to go on after in another process. Raises
        ClientError where that is over, where it cannot be opened the first time, and where the key may no more.
        """
        chosen = {"type": type, "key_id": key_id}
        params = {name: value for name, value in chosen.items() if value is not None}
        return Follower(self.transport, params, after, patience_seconds, opened or _ignore).events()


def _ignore(_event_id: int) -> None:
    """For whoever does not go on in another process."""
