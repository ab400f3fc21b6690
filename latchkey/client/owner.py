"""Owners of keys, as the API shows them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from latchkey.client.document import Document


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner: who the keys belong to that have the text `name` in their field `owner`.

    `slug` is its name in addresses. `period_anchor` is the day from which months of quotas with `starts` anchor count,
    `plan` the name of its plan; both are None without one. `document` is the JSON as received. `etag` names the state
    that is shown, for `if_match`, and is None for an owner from a list.
    """

    name: str
    slug: str
    display_name: str
    contacts: tuple[str, ...]
    period_anchor: date | None
    plan: str | None
    document: Mapping[str, Any] = field(repr=False, compare=False)
    etag: str | None = None

    @classmethod
    def read(cls, document: Document, etag: str | None = None) -> "Owner":
        """Return the owner in `document`. Raises WrongServer if its shape is wrong."""
        return cls(
            name=document.text("name"),
            slug=document.text("slug"),
            display_name=document.text("display_name") if document.has("display_name") else "",
            contacts=tuple(document.texts("contacts")) if document.has("contacts") else (),
            period_anchor=document.date("period_anchor") if document.has("period_anchor") else None,
            plan=document.text("plan") if document.has("plan") else None,
            document=document.fields,
            etag=etag,
        )
