"""The hash chain: each event's digest covers the event and the digest before it."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Final

GENESIS: Final = "0" * 64


def rfc3339(moment: datetime) -> str:
    """`moment` in UTC to the microsecond, as in `2026-01-31T09:30:00.000000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def event_digest(
    previous: str,
    *,
    event_id: int,
    type: str,
    at: datetime,
    actor: str,
    request_id: str,
    key_id: str,
    data: dict[str, object],
) -> str:
    """SHA-256, hexadecimal, of the previous event's digest and this event's members.

    The members are written as JSON with sorted names, no white space and UTF-8, so that the bytes are the same
    whatever the database made of them.
    """
    members = [previous, event_id, type, rfc3339(at), actor, request_id, key_id, data]
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
