"""Caller of a key, as the API returns it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from latchkey.client.document import Document


@dataclass(frozen=True, slots=True)
class KeyCaller:
    """A client address or a service that uses a key. `kind` is address or service; `requests` is an estimate."""

    kind: str
    value: str
    requests: int
    first_seen: datetime
    last_seen: datetime
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def read(cls, document: Document) -> "KeyCaller":
        """Return the caller in `document`. Raises WrongServer if its shape is wrong."""
        return cls(
            kind=document.text("kind"),
            value=document.text("value"),
            requests=document.integer("requests"),
            first_seen=document.time("first_seen"),
            last_seen=document.time("last_seen"),
            document=document.fields,
        )
