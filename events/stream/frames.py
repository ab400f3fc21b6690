"""Server-sent event frames: an event as bytes for a live stream.

Source: WHATWG HTML, 9.2.6 "Interpreting an event stream": lines `id:`, `event:` and `data:`, then an empty line.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from events.log import as_json
from events.models import Event

RETRY_MILLISECONDS: Final = 2000
OPENING: Final = f"retry: {RETRY_MILLISECONDS}\n: open\n\n".encode()
HEARTBEAT: Final = b": still here\n\n"
MAX_BATCH_BYTES: Final = 262_144


@dataclass(frozen=True, slots=True)
class Frame:
    """One event, encoded once for all streams, with the fields that streams filter by."""

    id: int
    type: str
    key_id: str
    encoded: bytes


def encode_frame(event: Event) -> Frame:
    """Return the event's frame."""
    # JSON in ASCII on one line: a line break would end the data field.
    data = json.dumps(as_json(event), separators=(",", ":"))
    return Frame(
        event.id, event.type, event.key_id, f"id: {event.id}\nevent: {event.type}\ndata: {data}\n\n".encode("ascii")
    )


def encode_position(event_id: int) -> bytes:
    """Return an ID without data, with which a client resumes if it is disconnected before its first event."""
    return f"id: {event_id}\n\n".encode()


def limit_size(frames: Sequence[Frame], size: int = MAX_BATCH_BYTES) -> list[Frame]:
    """Return the first frames, up to `size` bytes in total, but at least one if there is any."""
    kept: list[Frame] = []
    for one in frames:
        size -= len(one.encoded)
        if kept and size < 0:
            break
        kept.append(one)
    return kept
