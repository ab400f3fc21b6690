"""Cursors of key lists: the position at which a page ends, bound to the filters of its list."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from latchkey.validation import rejected

PATTERN: Final = "^[A-Za-z0-9_-]{22}$"
_ROW_BYTES: Final = 8
_DIGEST_BYTES: Final = 8


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


def _digest(filters: Mapping[str, object]) -> bytes:
    return blake2b(json.dumps(filters, sort_keys=True).encode(), digest_size=_DIGEST_BYTES).digest()
