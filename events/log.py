"""Event log: appends events within the transaction of the change that they report.

The head of the log is locked last, and for as few round trips to the database as possible: one locks it, one
writes, and the commit releases it. This limits the rate of key changes over all nodes together.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from threading import local
from typing import Final

from django.db import transaction
from prometheus_client import Counter

from events.batched_sql import Rows, SavepointFailed, Statement, run_with_savepoint, select_statement
from events.chain import GENESIS
from events.draft import Draft, Entry
from events.lock_timeout import lock_timeout_statements
from events.models import ChainHead, Event
from events.observers import NO_HOOKS, AppendHooks, Observer, create_observers
from events.origin import Origin
from events.types import EventType
from latchkey import metric_names
from latchkey.timestamps import rfc3339

EMITTED = Counter(metric_names.EVENTS_EMITTED, "Events appended to the log.", ["type"])
for _type in EventType:
    # Create the series at startup: Prometheus can't see the increase of a series that starts at 1.
    EMITTED.labels(_type.value)


class _Deferred(local):
    """Per-thread flag: `pending` is set while a change has collected events that are not appended yet."""

    pending = False


deferred: Final = _Deferred()


def append(type: EventType, *, origin: Origin, at: datetime, key_id: str = "", data: Mapping[str, object]) -> Event:
    """Append one event and return it.

    It must run inside the transaction of the change, so that both are kept or neither is. The head is locked until
    that transaction ends, so IDs are in commit order. Append last: everything after it delays other changes.
    """
    return append_all([Entry(type, key_id, data)], origin=origin, at=at)[0]


def append_all(entries: Sequence[Entry], *, origin: Origin, at: datetime, hooks: AppendHooks = NO_HOOKS) -> list[Event]:
    """Append several events, which observers see together, and run the statements of `hooks` with them.

    Raise TransactionManagementError within a change that has collected events, because those must come first.
    """
    if deferred.pending:
        raise transaction.TransactionManagementError("the change has events: append this one through it, behind them")
    observers = create_observers(entries, origin, at)
    draft, found = _lock_and_read(hooks.reads, observers)
    for entry in entries:
        draft.add(entry, origin, at)
    draft.extra_statements += hooks.write(draft.events, found)
    _write(draft, observers)
    return draft.events


def observe(observer: Observer) -> None:
    """Run `observer` while the log is locked, and append what it decides. It needs a transaction, as `append` does."""
    draft, _ = _lock_and_read((), [observer])
    _write(draft, [observer])


def lock_log() -> ChainHead:
    """Lock the log until the transaction ends, and thereby block every change that events report.

    Wait for others up to the lock timeout. Raise OperationalError after that.
    """
    return _lock_head((), ())[0]


def as_json(event: Event) -> dict[str, object]:
    """Return the event as pages, streams and webhooks represent it."""
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


def _lock_and_read(reads: Sequence[Statement], observers: Sequence[Observer]) -> tuple[Draft, list[Rows]]:
    """Lock the log. Return a draft that follows it and the results of `reads`, and pass observers their results."""
    reads_by_observer = [observer.reads() for observer in observers]
    try:
        head, found = _lock_head(reads, [statement for statements in reads_by_observer for statement in statements])
    except SavepointFailed as failed:
        _report_failure(observers, failed)
        head, found = _lock_head(reads, ())
    else:
        results = iter(found[len(reads) :])
        for observer, statements in zip(observers, reads_by_observer, strict=True):
            observer.receive([next(results) for _ in statements])
    return Draft(head.last_id, head.digest), found[: len(reads)]


def _lock_head(reads: Sequence[Statement], optional: Sequence[Statement]) -> tuple[ChainHead, list[Rows]]:
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("an event is appended inside the transaction of its change")
    lock = select_statement(ChainHead.objects.select_for_update().filter(id=1))
    timeout = lock_timeout_statements()
    found = run_with_savepoint([*timeout, lock, *reads], optional)[len(timeout) :]
    if not found[0]:
        # The very first event creates the head. Then start over, in order to lock it.
        ChainHead.objects.get_or_create(id=1, defaults={"digest": GENESIS})
        return _lock_head(reads, optional)
    return found[0][0], found[1:]


def _write(draft: Draft, observers: Sequence[Observer]) -> None:
    """Write the draft and what observers decide about it. If that fails, write the draft alone."""
    decided = [draft]
    for observer in observers:
        decided.append(observer.decide(decided[-1]))
    del decided[0]
    try:
        run_with_savepoint(draft.statements(), [statement for part in decided for statement in part.statements()])
    except SavepointFailed as failed:
        _report_failure(observers, failed)
        decided = []
    for part in (draft, *decided):
        for event in part.events:
            # Count on commit only: a transaction that is rolled back emits nothing.
            transaction.on_commit(partial(EMITTED.labels(event.type).inc))


def _report_failure(observers: Sequence[Observer], failed: SavepointFailed) -> None:
    for observer in observers:
        observer.fail(failed.__cause__ or failed)
