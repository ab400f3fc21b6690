"""Where a live stream begins: after the last event that its reader has, or now."""

from dataclasses import dataclass

from events.models import ChainHead
from events.pages import number
from events.selection import MAX_ID, Selection
from latchkey.problems import FieldError
from latchkey.validation import InvalidParameters


@dataclass(frozen=True, slots=True)
class StreamStart:
    """The first event is the next after the id `position`; `head` was the log's last id when this was asked."""

    selection: Selection
    position: int
    head: int


def stream_start(
    *, last_event_id: str | None = None, after: str | None = None, type: str | None = None, key_id: str | None = None
) -> StreamStart:
    """Where to begin, from the header Last-Event-ID (which wins over `after`) and query parameters, as they were sent.

    Without both the stream begins now. Raises InvalidParameters, also for an id beyond the log's head: its reader knows
    another log. Source: WHATWG HTML, server-sent events, "The Last-Event-ID header".
    """
    faults: list[FieldError] = []
    head = ChainHead.objects.filter(id=1).values_list("last_id", flat=True).first() or 0
    position = number(after, "after", 0, MAX_ID, faults) if after else head
    if after and position > head:  # which a page may be asked for, and a stream would wait there without a word
        number(after, "after", 0, head, faults)
    if last_event_id:
        position = number(last_event_id, "last-event-id", 0, head, faults)
    selection = Selection.parse(type, key_id, faults)
    if faults:
        raise InvalidParameters.of(faults)
    return StreamStart(selection, position, head)
