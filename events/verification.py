"""Whether the event log is as it was written: the first row that is not, and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from events.chain import GENESIS
from events.models import ChainHead, Event

BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class Break:
    """The first place at which the chain does not hold: an event's id, and what is wrong there."""

    event_id: int
    reason: str


def verify() -> Iterator[int | Break]:
    """Walks the whole log: yields, after each batch, how many events hold so far, and at last a Break if one does not.

    A row that was changed, dropped, added or swapped breaks its own digest or the sequence of ids; a log that was cut
    short does not end where its head says. Whoever can write both the rows and the head, and compute all digests anew,
    is not found by this; that is what a copy of the latest digest kept elsewhere is for.
    """
    if Event.objects.filter(id__lt=1).exists():
        yield Break(0, "there is an event before the first")
        return
    held, previous = 0, GENESIS
    while True:
        head = _head()  # read ahead of the events, as the log may go on meanwhile
        batch = list(Event.objects.filter(id__gt=held).order_by("id")[:BATCH])
        if not batch:
            break
        for event in batch:
            reason = _reason(event, held + 1, previous)
            if reason:
                yield Break(held + 1, reason)
                return
            held, previous = event.id, event.digest
        yield held
    if (head.last_id, head.digest) != (held, previous):
        yield Break(held + 1, f"the log ends after event {held}, but its head says {head.last_id}")


def _head() -> ChainHead:
    return ChainHead.objects.filter(id=1).first() or ChainHead(digest=GENESIS)


def _reason(event: Event, expected_id: int, previous: str) -> str | None:
    if event.id != expected_id:
        return f"event {expected_id} is missing"
    try:
        digest = event.digest_after(previous)
    except (AttributeError, TypeError, ValueError):
        return "its content cannot be read"
    return None if digest == event.digest else "its content is not what its digest covers"
