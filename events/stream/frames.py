"""An event as the bytes of a live stream.

Source: WHATWG HTML, 9.2.6 "Interpreting an event stream": lines `id:`, `event:` and `data:`, and an empty line.
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
    """One event, encoded once for all streams, and what streams choose by."""

    id: int
    type: str
    key_id: str
    encoded: bytes


def frame(event: Event) -> Frame:
    """The event's frame. Its JSON is ASCII on one line, whatever its texts hold: a line break would end the data."""
    data = json.dumps(as_json(event), separators=(",", ":"))
    return Frame(
        event.id, event.type, event.key_id, f"id: {event.id}\nevent: {event.type}\ndata: {data}\n\n".encode("ascii")
    )


def place(event_id: int) -> bytes:
    """What tells a reader after which event its stream begins, so that one that is cut before its first event resumes
    there: an id without data, which is no event.
    """
    return f"id: {event_id}\n\n".encode()


def within(frames: Sequence[Frame], size: int = MAX_BATCH_BYTES) -> list[Frame]:
    """The first of the frames, up to `size` bytes; one at least, where there is one."""
    kept: list[Frame] = []
    for one in frames:
        size -= len(one.encoded)
        if kept and size < 0:
            break
        kept.append(one)
    return kept
