"""Database rows of callers: merges what processes have seen, and keeps a few callers of each key."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction

from apikeys.callers.sightings import MAX_VALUES, Sightings
from apikeys.models import APIKey, CallerKind, KeyCaller
from events.lock_timeout import set_lock_timeout

GONE_AFTER: Final = timedelta(days=90)
_PRUNE_BATCH: Final = 1000
_KEPT_FOR_REQUESTS: Final = MAX_VALUES // 2


def write_callers(seen: Mapping[str, Sightings]) -> None:
    """Add sightings, by key ID, to the rows of the keys, in one transaction. Raises django.db.Error."""
    with transaction.atomic():
        set_lock_timeout()
        # The lock keeps two processes from merging the same rows. All writers lock in the same order, so they cannot
        # deadlock.
        locked = APIKey.objects.filter(key_id__in=seen).select_for_update(no_key=True).order_by("pk")
        keys = dict(locked.values_list("pk", "key_id"))
        known: dict[int, list[KeyCaller]] = {pk: [] for pk in keys}
        for row in KeyCaller.objects.filter(key__in=keys):
            known[row.key_id].append(row)
        changed: list[KeyCaller] = []
        gone: list[int] = []
        for pk, key_id in keys.items():
            kept = _merged(pk, known[pk], seen[key_id])
            gone += [row.pk for row in known[pk] if row not in kept]
            changed += [row for row in kept if (row.kind, row.value) in seen[key_id]]
        KeyCaller.objects.filter(pk__in=gone).delete()
        for row in changed:
            # With its primary key, SQLite would report that one as the conflict.
            row.pk = None
        KeyCaller.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["key", "kind", "value"],
            update_fields=["requests", "first_seen", "last_seen"],
        )


def _merged(pk: int, known: Iterable[KeyCaller], seen: Sightings) -> list[KeyCaller]:
    """Return the rows that the key with this primary key has after `seen`."""
    rows = {(row.kind, row.value): row for row in known}
    for (kind, value), found in seen.items():
        first, last = (datetime.fromtimestamp(moment, UTC) for moment in (found.first_seen, found.last_seen))
        row = rows.get((kind, value))
        if row is None:
            row = KeyCaller(key_id=pk, kind=kind, value=value, requests=0, first_seen=first, last_seen=last)
            rows[kind, value] = row
        row.requests += found.requests
        row.first_seen, row.last_seen = min(row.first_seen, first), max(row.last_seen, last)
    return [row for kind in CallerKind for row in most_relevant([row for row in rows.values() if row.kind == kind])]


def most_relevant(rows: Iterable[KeyCaller]) -> list[KeyCaller]:
    """Return MAX_VALUES of `rows`, which have one kind: half of them have the most requests, and the others were seen
    last.
    """
    # A caller with a stolen credential may make few requests, and one that changes its name with every request must
    # not drive out the callers that make most of them.
    by_requests = sorted(rows, key=lambda row: (row.requests, row.last_seen), reverse=True)
    others = sorted(by_requests[_KEPT_FOR_REQUESTS:], key=lambda row: row.last_seen, reverse=True)
    return [*by_requests[:_KEPT_FOR_REQUESTS], *others[: MAX_VALUES - _KEPT_FOR_REQUESTS]]


def prune_callers(now: datetime, should_continue: Callable[[], bool] = lambda: True) -> int:
    """Delete the rows of callers that were not seen for 90 days, in batches, as long as `should_continue` returns true.

    With RECORD_CALLERS=false, delete all rows. Return how many.
    """
    old = KeyCaller.objects.all()
    if settings.RECORD_CALLERS:
        old = old.filter(last_seen__lt=now - GONE_AFTER)
    deleted = 0
    while should_continue() and (batch := list(old.order_by("last_seen").values_list("pk", flat=True)[:_PRUNE_BATCH])):
        deleted += KeyCaller.objects.filter(pk__in=batch).delete()[0]
    return deleted
