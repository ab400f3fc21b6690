"""Appending to the event log, inside the transaction of the change that an event reports.

The log's head is locked last and for as few round trips to the database as possible: one takes it, one writes, and the
commit lets it go. Changes to keys, on all nodes together, are no faster than that.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from threading import local
from typing import Final

from django.db import transaction
from prometheus_client import Counter

from events.chain import GENESIS
from events.draft import Draft, Entry
from events.lock_wait import lock_bound
from events.models import ChainHead, Event
from events.observer import ALONE, Companion, Observer, observers_of
from events.origin import Origin
from events.round_trip import Rows, SetAside, Statement, reading, run_apart
from events.types import EventType
from latchkey import metric_names
from latchkey.timestamps import rfc3339

EMITTED = Counter(metric_names.EVENTS_EMITTED, "Events appended to the log.", ["type"])
for _type in EventType:
    EMITTED.labels(_type.value)  # the series is there from the start, so that its first increase is seen


class _Deferred(local):
    """Whether a change of this thread has events that are to be appended at its end."""

    pending = False


deferred: Final = _Deferred()


def append(type: EventType, *, origin: Origin, at: datetime, key_id: str = "", data: Mapping[str, object]) -> Event:
    """Append one event and return it.

    Must run inside the transaction of the change, so that both are kept or neither. The chain's head is locked until
    that transaction ends: ids are in the order of commits. Do it last: whatever follows makes other changes wait.
    """
    return append_all([Entry(type, key_id, data)], origin=origin, at=at)[0]


def append_all(entries: Sequence[Entry], *, origin: Origin, at: datetime, companion: Companion = ALONE) -> list[Event]:
    """Append several events, which observers see together, and write with them what `companion` says. Raises
    TransactionManagementError within a change that has events of its own, which come first.
    """
    if deferred.pending:
        raise transaction.TransactionManagementError("the change has events: append this one through it, behind them")
    observers = observers_of(entries, origin, at)
    draft, found = _take(companion.reads, observers)
    for entry in entries:
        draft.add(entry, origin, at)
    draft.more += companion.write(draft.events, found)
    _write(draft, observers)
    return draft.events


def observe(observer: Observer) -> None:
    """Let `observer` look while the log is held, and append what it decides; within a transaction, as `append`."""
    draft, _ = _take((), [observer])
    _write(draft, [observer])


def hold() -> ChainHead:
    """Keep all others from appending until the transaction ends, and so from every change that events report. Waits
    for them within a bound. Raises OperationalError.
    """
    return _hold((), ())[0]


def as_json(event: Event) -> dict[str, object]:
    """Return the event as pages, streams and webhooks show it."""
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


def _take(reads: Sequence[Statement], observers: Sequence[Observer]) -> tuple[Draft, list[Rows]]:
    """Hold the log; return the draft of what follows it, and what `reads` found. Observers get what they asked for."""
    wanted = [observer.reads() for observer in observers]
    try:
        head, found = _hold(reads, [statement for statements in wanted for statement in statements])
    except SetAside as aside:
        _give_up(observers, aside)
        head, found = _hold(reads, ())
    else:
        seen = iter(found[len(reads) :])
        for observer, statements in zip(observers, wanted, strict=True):
            observer.see([next(seen) for _ in statements])
    return Draft(head.last_id, head.digest), found[: len(reads)]


def _hold(reads: Sequence[Statement], apart: Sequence[Statement]) -> tuple[ChainHead, list[Rows]]:
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("an event is appended inside the transaction of its change")
    lock = reading(ChainHead.objects.select_for_update().filter(id=1))
    bound = lock_bound()
    found = run_apart([*bound, lock, *reads], apart)[len(bound) :]
    if not found[0]:
        ChainHead.objects.get_or_create(id=1, defaults={"digest": GENESIS})
        return _hold(reads, apart)
    return found[0][0], found[1:]


def _write(draft: Draft, observers: Sequence[Observer]) -> None:
    """Write the draft and what observers decide on it, or, if that fails, the draft alone."""
    decided = [draft]
    for observer in observers:
        decided.append(observer.decide(decided[-1]))
    del decided[0]
    try:
        run_apart(draft.statements(), [statement for part in decided for statement in part.statements()])
    except SetAside as aside:
        _give_up(observers, aside)
        decided = []
    for part in (draft, *decided):
        for event in part.events:
            transaction.on_commit(partial(EMITTED.labels(event.type).inc))


def _give_up(observers: Sequence[Observer], aside: SetAside) -> None:
    for observer in observers:
        observer.give_up(aside.__cause__ or aside)
