"""Usage of a key, as the API returns it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from latchkey.client.document import Document


@dataclass(frozen=True, slots=True)
class Usage:
    """Requests within one minute, hour or day, which begins at `start`."""

    start: datetime
    allowed: int
    throttled: int
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def read(cls, document: Document) -> "Usage":
        """Return the usage in `document`. Raises WrongServer if its shape is wrong."""
        return cls(document.time("start"), document.integer("allowed"), document.integer("throttled"), document.fields)
