"""The hash chain: each event's digest covers the event and the digest before it."""

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
    """SHA-256, hexadecimal, of the previous event's digest and this event's members.

    `data` is the text that is stored, as `canonical` writes it: a database that keeps JSON as values may write a number
    another way than it came, and the digest would no longer be that of what is read.
    """
    members = [previous, event_id, type, rfc3339(at, timespec="microseconds"), actor, request_id, key_id, data]
    return hashlib.sha256(canonical(members).encode()).hexdigest()


def canonical(value: object) -> str:
    """JSON with sorted names, no white space, and every character as itself."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
