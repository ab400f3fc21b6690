"""Usage of a key, as the API returns it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from latchkey.client.document import Document


@dataclass(frozen=True, slots=True)
class UnitUsage:
    """What was charged in one unit, and what of that was given back."""

    charged: int
    returned: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Use within one minute, hour or day, which begins at `start`.

    `allowed` and `throttled` are requests. `units` has the costs in other units, if there were any.
    """

    start: datetime
    allowed: int
    throttled: int
    units: Mapping[str, UnitUsage]
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def read(cls, document: Document) -> "Usage":
        """Return the usage in `document`. Raises WrongServer if its shape is wrong."""
        requests = document.integer("allowed"), document.integer("throttled")
        return cls(document.time("start"), *requests, _units(document), document.fields)


def _units(document: Document) -> dict[str, UnitUsage]:
    if not document.has("units"):
        return {}
    units = document.document("units", "usage by unit")
    amounts = {unit: units.document(unit, "usage by unit") for unit in units.fields}
    return {unit: UnitUsage(one.integer("charged"), one.integer("returned")) for unit, one in amounts.items()}
