"""Where a live stream begins: after the last event that its reader has, or now."""

from dataclasses import dataclass

from events.models import ChainHead
from events.selection import Selection
from latchkey.problems import FieldError
from latchkey.validation import InvalidParameters, Refused, whole_number


@dataclass(frozen=True, slots=True)
class StreamStart:
    """The first event is the next after the id `position`; `head` was the log's last id when this was asked."""

    selection: Selection
    position: int
    head: int


def stream_start(
    *, last_event_id: str | None = None, after: int | None = None, type: str | None = None, key_id: str | None = None
) -> StreamStart:
    """Return where to begin, from the header Last-Event-ID (which wins over `after`) and parsed query parameters.

    Without both the stream begins now. Raises InvalidParameters for an id beyond the log's head: its reader knows
    another log. Source: WHATWG HTML, server-sent events, "The Last-Event-ID header".
    """
    head = ChainHead.objects.filter(id=1).values_list("last_id", flat=True).first() or 0
    faults: list[FieldError] = []
    position = head if after is None else after
    if position > head:  # which a page may be asked for, and a stream would wait there without a word
        faults.append(FieldError("/after", "out-of-range", f"after must be a whole number from 0 to {head}."))
    if last_event_id:
        try:
            position = whole_number(last_event_id, "last-event-id", 0, head)
        except Refused as refusal:
            faults.extend(fault.under("/last-event-id") for fault in refusal.faults)
    if faults:
        raise InvalidParameters.of(faults)
    return StreamStart(Selection(type, key_id), position, head)
