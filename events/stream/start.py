"""Start position of a live stream: after the last event that the client has, or now."""

from dataclasses import dataclass

from events.event_filter import EventFilter
from events.models import ChainHead
from latchkey.problems import FieldError
from latchkey.validation import InvalidParameters, Rejected, parse_whole_number


@dataclass(frozen=True, slots=True)
class StreamStart:
    """Start of a stream: after the ID `position`. `head` was the last ID of the log at that time."""

    event_filter: EventFilter
    position: int
    head: int


def stream_start(
    *,
    last_event_id: str | None = None,
    after: int | None = None,
    type: str | None = None,
    key_id: str | None = None,
    import_event: int | None = None,
) -> StreamStart:
    """Return the start position. `last_event_id` (the Last-Event-ID header) takes precedence over `after`.

    Without either, the stream starts now. Raise InvalidParameters if the ID is greater than the head of the log,
    because the client then knows a different log. Source: WHATWG HTML, server-sent events, "The Last-Event-ID
    header".
    """
    head = ChainHead.objects.filter(id=1).values_list("last_id", flat=True).first() or 0
    faults: list[FieldError] = []
    position = head if after is None else after
    # A page may be requested from there on, but a stream would wait silently.
    if position > head:
        faults.append(FieldError("/after", "out-of-range", f"after must be a whole number from 0 to {head}."))
    if last_event_id:
        try:
            position = parse_whole_number(last_event_id, "last-event-id", 0, head)
        except Rejected as rejection:
            faults.extend(fault.under("/last-event-id") for fault in rejection.faults)
    if faults:
        raise InvalidParameters.of(faults)
    return StreamStart(EventFilter(type, key_id, import_event), position, head)
