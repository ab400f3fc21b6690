"""Parser of server-sent events.

Source: WHATWG HTML, 9.2.6 "Interpreting an event stream".
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

MAX_EVENT_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event: the last ID sent so far ("" for none), its type, and its data.

    If an ID comes alone, there is no event: `data` is None.
    """

    id: str
    type: str
    data: str | None


class EventTooLarge(ValueError):
    """An event's data, or a line of the stream, has more than MAX_EVENT_BYTES bytes."""


def parse_events(chunks: Iterable[bytes]) -> Iterator[ServerSentEvent]:
    """Yield the events in `chunks`, and IDs that come alone, each as soon as it's complete.

    Comments and unknown fields are ignored. Raises EventTooLarge.
    """
    last_id, reported_id, event_type, data, size = "", "", "message", list[str](), 0
    for encoded in _lines(chunks):
        line = encoded.decode("utf-8", "replace")
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield ServerSentEvent(last_id, event_type, "\n".join(data))
            elif last_id != reported_id:
                yield ServerSentEvent(last_id, "", None)
            reported_id, event_type, data, size = last_id, "message", [], 0
        # The standard says to ignore an ID that holds NUL.
        elif name == "id" and "\0" not in value:
            last_id = value
        elif name == "event":
            event_type = value
        elif name == "data":
            # A server that never ends its event must not fill the memory.
            size += len(encoded)
            if size > MAX_EVENT_BYTES:
                raise EventTooLarge
            data.append(value)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a stream, which end with LF or CR LF. What has no line break at its end isn't complete."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r")
        # A server that never ends its line must not fill the memory.
        if len(rest) > MAX_EVENT_BYTES:
            raise EventTooLarge
