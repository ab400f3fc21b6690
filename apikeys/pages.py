"""Pages of keys: by cursor, newest first, so that a page costs the same however many keys there are."""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from apikeys.models import APIKey, KeyState
from apikeys.search import matching
from latchkey.problems import FieldError
from latchkey.validation import InvalidParameters, Refused, whole_number

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
MAX_QUERY: Final = 200
_UNSEARCHABLE: Final = re.compile(r"[\x00\ud800-\udfff]")
STATES: Final = (*KeyState.values, "unlimited", "rotating")


@dataclass(frozen=True, slots=True)
class KeyPage:
    """Keys, and the cursor of the next page or None."""

    keys: list[APIKey]
    next: str | None


def key_page(
    now: datetime,
    *,
    cursor: str | None = None,
    limit: str | None = None,
    q: str | None = None,
    state: str | None = None,
) -> KeyPage:
    """One page of keys, from query parameters as they were sent. Raises InvalidParameters."""
    faults: list[FieldError] = []
    before = decode_cursor(cursor, faults) if cursor else None
    size = _size(limit, faults) if limit else DEFAULT_LIMIT
    if state and state not in STATES:
        faults.append(FieldError("/state", "not-a-state", f"state is one of {', '.join(STATES)}."))
    if q and (len(q) > MAX_QUERY or _UNSEARCHABLE.search(q)):
        faults.append(FieldError("/q", "not-a-search", f"q has at most {MAX_QUERY} characters and no NUL."))
    if faults:
        raise InvalidParameters.of(faults)
    keys = APIKey.objects.in_state(state, now) if state else APIKey.objects.all()
    if q:
        keys = matching(keys, q)
    if before is not None:
        keys = keys.filter(id__lt=before)
    found = list(keys.order_by("-id").prefetch_related("secrets")[: size + 1])
    more = len(found) > size
    return KeyPage(found[:size], encode_cursor(found[size - 1].pk) if more else None)


def _size(text: str, faults: list[FieldError]) -> int:
    try:
        return whole_number(text, "limit", 1, MAX_LIMIT)
    except Refused as refusal:
        faults.extend(refusal.faults)
        return DEFAULT_LIMIT


def encode_cursor(row: int) -> str:
    """The cursor of a page that goes on below the primary key `row`."""
    return base64.urlsafe_b64encode(row.to_bytes(8, "big")).decode().rstrip("=")


def decode_cursor(cursor: str, faults: list[FieldError]) -> int | None:
    """The primary key in a cursor; where it is none, that goes to `faults`."""
    try:
        raw = base64.b64decode(cursor + "=", altchars=b"-_", validate=True)
        row = int.from_bytes(raw, "big")
        if len(raw) == 8 and row < 1 << 63:
            return row
    except (binascii.Error, ValueError):
        pass
    faults.append(FieldError("/cursor", "not-a-cursor", "cursor is the next of an earlier page, unchanged."))
    return None
