"""Calls about owners."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypedDict, Unpack

from latchkey import headers
from latchkey.client.document import Document
from latchkey.client.names import named_path
from latchkey.client.owner import Owner
from latchkey.client.pages import Page, PagedList
from latchkey.client.transport import Transport

_PATH: Final = "/v1/owners"


class OwnerValues(TypedDict, total=False):
    """Values of a new owner, or changes: fields that aren't named stay as they are. `plan` None is no plan."""

    display_name: str
    contacts: Sequence[str]
    period_anchor: date | None
    plan: str | None


@dataclass(frozen=True, slots=True)
class Owners:
    """Calls about owners. Every method raises ClientError, and ValueError for a text that can't be a slug.

    `if_match` is the `etag` of the owner on which the change was decided. If the owner was changed since, nothing is
    done and ReceivedProblem with the slug `precondition-failed` is raised.
    """

    transport: Transport

    def page(self, *, cursor: str | None = None, limit: int | None = None) -> Page[Owner]:
        """Return one page of owners."""
        return self._listed.page(cursor=cursor, limit=limit)

    def list(self) -> Iterator[Owner]:
        """Yield all owners. Each page is fetched when it's needed."""
        return self._listed.all()

    def show(self, slug: str) -> Owner:
        """Return the owner."""
        received = self.transport.receive("GET", named_path(_PATH, slug))
        return Owner.read(Document(received.value, "owner"), received.etag)

    def create(self, name: str, *, slug: str | None = None, **values: Unpack[OwnerValues]) -> Owner:
        """Create an owner. Its keys are those whose field `owner` is `name`. Name and slug never change.

        Without `slug`, the server makes one from the name.
        """
        named = {"name": name} if slug is None else {"name": name, "slug": slug}
        received = self.transport.receive("POST", _PATH, json={**named, **_as_json(values)})
        return Owner.read(Document(received.value, "owner"), received.etag)

    def update(self, slug: str, *, if_match: str | None = None, **changes: Unpack[OwnerValues]) -> Owner:
        """Change fields of an owner. Another plan applies from the next request of its keys on."""
        fields = {} if if_match is None else {headers.IF_MATCH: if_match}
        received = self.transport.receive(
            "PATCH", named_path(_PATH, slug), json=_as_json(changes), header_fields=fields
        )
        return Owner.read(Document(received.value, "owner"), received.etag)

    def remove(self, slug: str, *, if_match: str | None = None) -> None:
        """Remove an owner that no key has."""
        fields = {} if if_match is None else {headers.IF_MATCH: if_match}
        self.transport.call("DELETE", named_path(_PATH, slug), header_fields=fields)

    @property
    def _listed(self) -> PagedList[Owner]:
        return PagedList(self.transport, _PATH, "owner", Owner.read)


def _as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
