"""Settlement of a reservation, as the API returns it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from latchkey.client.document import Document


@dataclass(frozen=True, slots=True)
class SettledLimit:
    """What a settlement did with one limit, in its `unit`, which is None if the key no longer has the limit.

    The actual `cost` is what was `reserved`, and what was `charged` and `forgiven` in addition, or less what was
    `returned`. What was forgiven isn't charged, because the debt of a rate ends at a bound. `used` is what is used of
    the limit then, and None if its counter was replaced meanwhile.
    """

    name: str
    unit: str | None
    reserved: int
    cost: int
    charged: int
    returned: int
    forgiven: int
    used: int | None

    @classmethod
    def read(cls, document: Document) -> "SettledLimit":
        """Return the limit in `document`. Raises WrongServer if its shape is wrong."""
        return cls(
            name=document.text("name"),
            unit=document.text("unit") if document.has("unit") else None,
            reserved=document.integer("reserved"),
            cost=document.integer("cost"),
            charged=document.integer("charged"),
            returned=document.integer("returned"),
            forgiven=document.integer("forgiven"),
            used=document.integer("used") if document.has("used") else None,
        )


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a reservation was settled. `limits` are those of the key and of its plan that were charged."""

    reservation_id: str
    settled_at: datetime
    limits: tuple[SettledLimit, ...]
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def read(cls, value: object) -> "Settlement":
        """Return the settlement in a response. Raises WrongServer if its shape is wrong."""
        document = Document(value, "settlement")
        return cls(
            reservation_id=document.text("reservation"),
            settled_at=document.time("settled_at"),
            limits=tuple(map(SettledLimit.read, document.documents("limits", "limit"))),
            document=document.fields,
        )
