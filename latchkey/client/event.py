"""Event of the log, as the API shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from latchkey.client.document import Document


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `actor` is `key:lk_…`, `user:NAME`, `command:NAME` or `system`."""

    id: int
    type: str
    at: datetime
    actor: str
    request_id: str
    key_id: str | None
    data: Mapping[str, Any]
    digest: str
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def read(cls, document: Document) -> "Event":
        """Return the event in `document`. Raises WrongServer if its shape is wrong."""
        return cls(
            id=document.integer("id"),
            type=document.text("type"),
            at=document.time("at"),
            actor=document.text("actor"),
            request_id=document.text("request_id"),
            key_id=document.text("key_id") if document.has("key_id") else None,
            data=document.mapping("data"),
            digest=document.text("digest"),
            document=document.fields,
        )
