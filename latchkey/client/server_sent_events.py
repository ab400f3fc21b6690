"""Parser of server-sent events.

Source: WHATWG HTML, 9.2.6 "Interpreting an event stream".
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

MAX_EVENT_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """One event: the last ID sent so far ("" for none), its type, and its data.

    If an ID comes alone, there is no event: `data` is None.
    """

    id: str
    event: str
    data: str | None


class OverlongEvent(ValueError):
    """A line of the stream is longer than MAX_EVENT_BYTES."""


def messages(chunks: Iterable[bytes]) -> Iterator[Message]:
    """Yield the events in `chunks`, and IDs that come alone, each as soon as it's complete.

    Comments and unknown fields are ignored. Raises OverlongEvent.
    """
    last_id, told, event, data = "", "", "message", list[str]()
    for line in _lines(chunks):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield Message(last_id, event, "\n".join(data))
            elif last_id != told:
                yield Message(last_id, "", None)
            told, event, data = last_id, "message", []
        # The standard says to ignore an ID that holds NUL.
        elif name == "id" and "\0" not in value:
            last_id = value
        elif name == "event":
            event = value
        elif name == "data":
            data.append(value)


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of a stream, which end with LF or CR LF. What has no line break at its end isn't complete."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")
        # A server that never ends its line must not fill the memory.
        if len(rest) > MAX_EVENT_BYTES:
            raise OverlongEvent
