"""Appending to the event log, inside the transaction of the change that an event tells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from django.db import transaction
from django.dispatch import Signal
from prometheus_client import Counter

from events.chain import GENESIS, canonical
from events.lock_wait import bound_lock_waits
from events.models import ChainHead, Event
from events.origin import Origin
from events.types import EventType
from latchkey import metric_names
from latchkey.timestamps import rfc3339

APPENDED: Final = Signal()
"""Sent with new `events`, within their transaction and while that holds the log, to whoever observes."""

EMITTED = Counter(metric_names.EVENTS_EMITTED, "Events appended to the log.", ["type"])
for _type in EventType:
    EMITTED.labels(_type.value)  # the series is there from the start, so that its first increase is seen


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be told: the type, the key that it is about (or ""), and what else there is to say."""

    type: EventType
    key_id: str
    data: Mapping[str, object]


def append(type: EventType, *, origin: Origin, at: datetime, key_id: str = "", data: Mapping[str, object]) -> Event:
    """Appends one event and returns it.

    Must run inside the transaction of the change, so that both are kept or neither. The chain's head is locked until
    that transaction ends: ids are in the order of commits.
    """
    return append_all([Entry(type, key_id, data)], origin=origin, at=at)[0]


def append_all(entries: Sequence[Entry], *, origin: Origin, at: datetime) -> list[Event]:
    """Appends several events, of which whoever observes is told at once."""
    head = hold()
    events = []
    for entry in entries:
        event = Event(
            id=head.last_id + 1,
            type=entry.type.value,
            at=at,
            actor=origin.actor,
            request_id=origin.request_id,
            key_id=entry.key_id,
            data_json=canonical(entry.data),
        )
        event.digest = event.digest_after(head.digest)
        event.save(force_insert=True)
        head.last_id, head.digest = event.id, event.digest
        events.append(event)
        transaction.on_commit(partial(EMITTED.labels(entry.type.value).inc))
    ChainHead.objects.filter(id=1).update(last_id=head.last_id, digest=head.digest)
    APPENDED.send(sender=Event, events=events)
    return events


def hold() -> ChainHead:
    """Keeps all others from appending until the transaction ends, and so from every change that events tell. Waits for
    them within a bound. Raises OperationalError.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("an event is appended inside the transaction of its change")
    bound_lock_waits()
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
