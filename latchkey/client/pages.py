"""Pages of a list: some items, and the cursor of the next page."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from latchkey.client.document import Document
from latchkey.client.transport import Transport

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A page. `next` is the cursor of the next page, None at the end."""

    items: tuple[Item, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class PagedList(Generic[Item]):
    """A list at `path`, whose items `read` parses and messages call `kind`."""

    transport: Transport
    path: str
    kind: str
    read: Callable[[Document], Item]

    def page(self, **query: str | int | None) -> Page[Item]:
        """Return one page. Parameters that are None aren't sent. Raises ClientError."""
        params = {name: str(value) for name, value in query.items() if value is not None}
        page = Document(self.transport.call("GET", self.path, params=params), "page")
        items = tuple(self.read(item) for item in page.documents("items", self.kind))
        return Page(items, page.text("next") if page.has("next") else None)

    def all(self, **query: str | int | None) -> Iterator[Item]:
        """Yield all items. Each page is fetched when it's needed. Raises ClientError."""
        cursor: str | None = None
        while True:
            page = self.page(cursor=cursor, **query)
            yield from page.items
            cursor = page.next
            if cursor is None:
                return
