"""Server-sent events, taken out of the bytes of a stream.

Source: WHATWG HTML, 9.2.6 "Interpreting an event stream".
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

MAX_EVENT_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """One event: the last id that was sent up to it ("" for none), its type, and its data. Where an id came alone, it
    is no event: `data` is None.
    """

    id: str
    event: str
    data: str | None


class OverlongEvent(ValueError):
    """An event has more than MAX_EVENT_BYTES."""


def messages(chunks: Iterable[bytes]) -> Iterator[Message]:
    """The events in `chunks`, and ids that come alone, each as soon as it is whole. Comments and unknown fields are
    passed over. Raises OverlongEvent.
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
        elif name == "id" and "\0" not in value:
            last_id = value
        elif name == "event":
            event = value
        elif name == "data":
            data.append(value)


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """The lines of a stream, by LF or CR LF. What has no line break at the end is not whole."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")
        if len(rest) > MAX_EVENT_BYTES:
            raise OverlongEvent
