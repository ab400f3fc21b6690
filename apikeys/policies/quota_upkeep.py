"""Upkeep of quotas, as the background worker does it: lifts a store that went back, and reports what is used up."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db.models import F, Q, QuerySet

from apikeys.models import Owner, QuotaUse
from apikeys.policies.quota_rows import subject_of, uses_lost_by
from events.change import change
from events.draft import Entry
from events.lock_timeout import set_lock_timeout
from events.origin import Origin
from events.types import EventType
from latchkey.timestamps import rfc3339
from ratelimit.limiter import Limiter

RECENT: Final = timedelta(hours=1)
"""How long ago a row was written that is looked at. A quota without requests can't be used up."""
BATCH: Final = 200
PERCENTAGES: Final = (80, 100)


def lift_store(limiter: Limiter, now: datetime, should_continue: Callable[[], bool] = lambda: True) -> int:
    """Give the store what the database has of recently used quotas, if the store has less. Return how many.

    A store may have lost its last seconds or hours: a replica took over, or an older file was restored. What it has
    later, or after an adjustment, is kept. Quotas that were not used recently are lifted by the first worker that
    writes a new use of them. Raises BucketStoreError.
    """
    lifted = 0
    for rows in _recent_rows(QuotaUse.objects.filter(ends_s__gt=int(now.timestamp())), now):
        known = [row.use for row in rows]
        lost = uses_lost_by(limiter.quota_uses([use.counter for use in known]), known)
        if lost:
            limiter.seed_quotas(lost)
            lifted += len(lost)
        if not should_continue():
            break
    return lifted


def percentage_reached(used: int, quota: int) -> int:
    """Return the highest of PERCENTAGES that `used` is of `quota`, 0 if none."""
    return max((percent for percent in PERCENTAGES if used * 100 >= quota * percent), default=0)


def append_quota_events(origin: Origin, now: datetime, should_continue: Callable[[], bool] = lambda: True) -> int:
    """Append an event for each quota of which 80 % or 100 % is used, once in a period for each. Return how many."""
    appended = 0
    hundredths = F("used") * 100
    reached = Q(told__lt=80, hundredths__gte=F("quota") * 80)
    used_up = Q(told__lt=100, used__gte=F("quota"))
    found = QuotaUse.objects.alias(hundredths=hundredths).filter(reached | used_up)
    for rows in _recent_rows(found, now):
        with change() as unit:
            set_lock_timeout()
            # Read again under the lock: a writer may have begun the next period meanwhile. Writers lock rows in another
            # order, so this waits for none of them: a row that one of them has is reported next time.
            locked = found.select_for_update(skip_locked=True).filter(pk__in=[row.pk for row in rows]).order_by("pk")
            due = list(locked)
            for row in due:
                row.told = percentage_reached(row.used, row.quota)
            QuotaUse.objects.bulk_update(due, ["told"])
            if due:
                unit.append_all(_entries(due), origin=origin, at=now)
        appended += len(due)
        if not should_continue():
            break
    return appended


def _recent_rows(found: QuerySet[QuotaUse], now: datetime) -> Iterator[Sequence[QuotaUse]]:
    """Yield the rows of `found` that were written recently, in batches."""
    last = 0
    while rows := list(found.filter(updated_at__gte=now - RECENT, pk__gt=last).order_by("pk")[:BATCH]):
        yield rows
        last = rows[-1].pk


def _entries(rows: Sequence[QuotaUse]) -> list[Entry]:
    subjects = [subject_of(row.counter) for row in rows]
    numbers = [int(subject) for is_key, subject, _ in subjects if not is_key]
    owners = dict(Owner.objects.filter(pk__in=numbers).values_list("pk", "name"))
    entries = []
    for row, (is_key, subject, limit) in zip(rows, subjects, strict=True):
        of_owner = {} if is_key else {"owner": owners.get(int(subject), "")}
        data = {
            **of_owner,
            "limit": limit,
            "percent": row.told,
            "quota": row.quota,
            "used": row.used,
            "period_ends_at": rfc3339(datetime.fromtimestamp(row.ends_s, UTC)),
        }
        entries.append(Entry(EventType.QUOTA_REACHED, subject if is_key else "", data))
    return entries
