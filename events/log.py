"""Appending to the event log, inside the transaction of the change that an event tells."""

from datetime import datetime
from typing import Final

from django.db import transaction
from django.dispatch import Signal
from prometheus_client import Counter

from events.chain import GENESIS, canonical
from events.models import ChainHead, Event
from events.origin import Origin
from events.types import EventType
from latchkey import metric_names
from latchkey.timestamps import rfc3339

APPENDED: Final = Signal()
"""Sent with each event, within its transaction and while that holds the log, to whoever observes (`event`)."""

EMITTED = Counter(metric_names.EVENTS_EMITTED, "Events appended to the log.", ["type"])
for _type in EventType:
    EMITTED.labels(_type.value)  # the series is there from the start, so that its first increase is seen


def append(type: EventType, *, origin: Origin, at: datetime, key_id: str = "", data: dict[str, object]) -> Event:
    """Appends one event and returns it.

    Must run inside the transaction of the change, so that both are kept or neither. The chain's head is locked until
    that transaction ends: ids are in the order of commits.
    """
    head = hold()
    event = Event(
        id=head.last_id + 1,
        type=type.value,
        at=at,
        actor=origin.actor,
        request_id=origin.request_id,
        key_id=key_id,
        data_json=canonical(data),
    )
    event.digest = event.digest_after(head.digest)
    event.save(force_insert=True)
    ChainHead.objects.filter(id=1).update(last_id=event.id, digest=event.digest)
    transaction.on_commit(lambda: EMITTED.labels(type.value).inc())
    APPENDED.send(sender=Event, event=event)
    return event


def hold() -> ChainHead:
    """Keeps all others from appending until the transaction ends, and so from every change that events tell."""
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("an event is appended inside the transaction of its change")
    return ChainHead.objects.select_for_update().get_or_create(id=1, defaults={"digest": GENESIS})[0]


def as_json(event: Event) -> dict[str, object]:
    """The event as pages, streams and webhooks show it."""
    return {
        "id": event.id,
        "type": event.type,
        "at": rfc3339(event.at, timespec="microseconds"),
        "actor": event.actor,
        "request_id": event.request_id,
        "key_id": event.key_id or None,
        "data": event.data,
        "digest": event.digest,
    }
