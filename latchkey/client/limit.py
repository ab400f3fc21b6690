"""State of one limit, as the API shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from latchkey.client.document import Document


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of a key or an owner, and how much of it is used.

    `mode` is `enforce`, or `observe` if it's counted and never refuses; `shared` is `key` or `owner`. `limit`, `used`
    and `remaining` count `unit`. `used` and `remaining` are None while the server can't read them. `resets_at` is when
    all of `limit` is available again, None if it is now or never will be.
    """

    name: str
    unit: str
    mode: str
    shared: str
    limit: int
    used: int | None
    remaining: int | None
    resets_at: datetime | None
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def read(cls, document: Document) -> "Limit":
        """Return the limit in `document`. Raises WrongServer if its shape is wrong."""
        return cls(
            name=document.text("name"),
            unit=document.text("unit"),
            mode=document.text("mode"),
            shared=document.text("shared"),
            limit=document.integer("limit"),
            used=document.integer("used") if document.has("used") else None,
            remaining=document.integer("remaining") if document.has("remaining") else None,
            resets_at=document.time("resets_at") if document.has("resets_at") else None,
            document=document.fields,
        )


def limits_in(holder: Document) -> tuple[Limit, ...]:
    """Return the limits in the field `limits`, none if there is no such field. Raises WrongServer."""
    if not holder.has("limits"):
        return ()
    return tuple(Limit.read(limit) for limit in holder.documents("limits", "limit"))
