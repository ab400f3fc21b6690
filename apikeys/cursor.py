"""Cursors of lists: the position at which a page ends, bound to the filters of its list; and pages that use them."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, TypeVar

from django.db.models import Model, QuerySet

from latchkey.problems import FieldError
from latchkey.query import Parameter, number_parameter
from latchkey.validation import InvalidParameters, rejected

PATTERN: Final = "^[A-Za-z0-9_-]{22}$"
DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
_ROW_BYTES: Final = 8
_DIGEST_BYTES: Final = 8
_Row = TypeVar("_Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Position below the primary key `row`. `digest` identifies the filters of the list."""

    row: int
    digest: bytes

    @classmethod
    def below(cls, row: int, filters: Mapping[str, object]) -> "Cursor":
        """Return the cursor of a page that ends with the primary key `row`."""
        return cls(row, _digest(filters))

    @classmethod
    def parse(cls, typed: str) -> "Cursor":
        """Return the cursor that `typed` encodes. Raises Rejected."""
        try:
            raw = base64.b64decode(typed + "==", altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        row = int.from_bytes(raw[:_ROW_BYTES], "big")
        # A primary key has 63 bits. The database would reject a larger number with an error.
        if len(raw) != _ROW_BYTES + _DIGEST_BYTES or row >= 1 << 63:
            raise rejected("not-a-cursor", "cursor must be the unchanged `next` of an earlier page.")
        return cls(row, raw[_ROW_BYTES:])

    def belongs_to(self, filters: Mapping[str, object]) -> bool:
        """Return whether the cursor came with a page of these filters."""
        return self.digest == _digest(filters)

    def __str__(self) -> str:
        raw = self.row.to_bytes(_ROW_BYTES, "big") + self.digest
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")


CURSOR_PARAMETER: Final = Parameter(
    "cursor",
    Cursor.parse,
    {"type": "string", "pattern": PATTERN},
    "The `next` of the previous page. Send it with the same filters.",
)


def limit_parameter(things: str) -> Parameter:
    """Return the parameter for the size of a page. `things` says what is on it."""
    return number_parameter("limit", 1, MAX_LIMIT, f"Maximum number of {things} on a page.", default=DEFAULT_LIMIT)


def page_of(
    rows: QuerySet[_Row], filters: Mapping[str, Any], cursor: Cursor | None, limit: int
) -> tuple[list[_Row], str | None]:
    """Return one page of `rows`, newest first, and the cursor of the next page or None. `filters` selected the rows.

    Raises InvalidParameters for a cursor that belongs to other filters.
    """
    # A client that forgets a filter on the second page would otherwise continue with rows that it did not ask for.
    if cursor is not None and not cursor.belongs_to(filters):
        detail = "cursor belongs to a list with other filters. Repeat the filters of the page that returned it."
        raise InvalidParameters.of([FieldError("/cursor", "other-filters", detail)])
    if cursor is not None:
        rows = rows.filter(id__lt=cursor.row)
    # One more than the page shows whether there is a next page, without counting.
    found = list(rows.order_by("-id")[: limit + 1])
    more = len(found) > limit
    return found[:limit], str(Cursor.below(found[limit - 1].pk, filters)) if more else None


def _digest(filters: Mapping[str, object]) -> bytes:
    return blake2b(json.dumps(filters, sort_keys=True).encode(), digest_size=_DIGEST_BYTES).digest()
