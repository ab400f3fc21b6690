"""Hash chain: each event's digest covers the event and the previous event's digest."""

import hashlib
import json
from datetime import datetime
from typing import Final

from latchkey.timestamps import rfc3339

GENESIS: Final = "0" * 64


def event_digest(
    previous: str,
    *,
    event_id: int,
    type: str,
    at: datetime,
    actor: str,
    request_id: str,
    key_id: str,
    data: str,
) -> str:
    """Return the SHA-256 digest, in hexadecimal, of the previous event's digest and this event's fields.

    `data` is the stored JSON text, as `canonical` writes it.
    """
    # The text, not the parsed value: a database with a JSON type may write a number differently, and the digest of
    # what is read back would no longer match.
    members = [previous, event_id, type, rfc3339(at, timespec="microseconds"), actor, request_id, key_id, data]
    return hashlib.sha256(canonical(members).encode()).hexdigest()


def canonical(value: object) -> str:
    """Return JSON with sorted names, without white space, and without escaping non-ASCII characters."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
