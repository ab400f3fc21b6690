"""Retention of usage: how long its rows are kept, and which of them go first beyond USAGE_ROWS.

Rows of single keys fill the disk: a million keys in use add a million rows a minute, and as many for each unit that
their requests cost. Beyond USAGE_ROWS, their minutes are kept shorter, then their hours. Their days, and the totals of
all keys, are always kept for the whole time.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Sum
from django.db.models.functions import Greatest

from apikeys.models import Usage, UsageStep, UsageTotal
from apikeys.usage.batch import keep_others_out

RETENTION: Final = {
    UsageStep.MINUTE: timedelta(days=2),
    UsageStep.HOUR: timedelta(days=90),
    UsageStep.DAY: timedelta(days=5 * 366),
}
LEAST_RETENTION: Final = {UsageStep.MINUTE: timedelta(hours=1), UsageStep.HOUR: timedelta(days=2)}
"""How long rows of single keys are kept in any case: lists and guard rails about throttling need them."""

PRUNE_BATCH: Final = 1000
_SHORTENED_BY: Final = timedelta(hours=2)
# For each table, under the field of `UsageTotal` that counts its rows. Both bounds are on an index by age. Without the
# lower one, PostgreSQL would pass the entries of all rows that were deleted before, until they are vacuumed.
_DELETE: Final = {
    counted: f"""
DELETE FROM {table} WHERE id IN (
    SELECT id FROM {table} WHERE step = %s AND start >= %s AND start < %s ORDER BY start LIMIT %s
) RETURNING start
"""  # noqa: S608 - our names
    for counted, table in {"keys": "apikeys_usage", "unit_rows": "apikeys_unitusage"}.items()
}


def prune_usage(now: datetime, should_continue: Callable[[], bool] = lambda: True) -> int:
    """Delete the rows that are too old, in batches, as long as `should_continue` returns true. Return how many."""
    deleted = 0
    for step, retention in RETENTION.items():
        deleted += _prune(step, now - retention, should_continue)
        UsageTotal.objects.filter(step=step, start__lt=now - retention).delete()
    for step, least in LEAST_RETENTION.items():
        if (excess := stored_rows() - settings.USAGE_ROWS) > 0:
            deleted += _prune(step, _end_of_oldest(step, excess, now - least), should_continue)
    return deleted


def stored_rows() -> int:
    """Return the number of rows of single keys, of requests and of other units."""
    return int(UsageTotal.objects.aggregate(rows=Sum(F("keys") + F("unit_rows"), default=0))["rows"])


def kept_shorter(now: datetime) -> dict[UsageStep, datetime]:
    """Return the steps whose rows of single keys are kept shorter than those of all keys, and since when they exist."""
    found = {}
    for step, retention in RETENTION.items():
        # A total without requests is there for its rows of other units.
        with_requests = UsageTotal.objects.filter(step=step).exclude(allowed=0, throttled=0)
        oldest_total = with_requests.order_by("start").first()
        oldest = Usage.objects.filter(step=step).order_by("start").first()
        if oldest_total and oldest and oldest.start > max(oldest_total.start, now - retention) + _SHORTENED_BY:
            found[step] = oldest.start
    return found


def _end_of_oldest(step: UsageStep, rows: int, least: datetime) -> datetime:
    """Return the time before which are the oldest `rows` rows of the step, rounded up to whole steps, or `least`."""
    found = 0
    counted = UsageTotal.objects.annotate(rows=F("keys") + F("unit_rows"))
    oldest = counted.filter(step=step, rows__gt=0, start__lt=least).order_by("start")
    for start, of_step in oldest.values_list("start", "rows"):
        if found >= rows:
            return start
        found += of_step
    return least


def _prune(step: UsageStep, end: datetime, should_continue: Callable[[], bool]) -> int:
    """Delete the rows of the step before `end`, the oldest first, and count those that are left. Return how many."""
    return sum(_prune_rows(counted, step, end, should_continue) for counted in _DELETE)


def _prune_rows(counted: str, step: UsageStep, end: datetime, should_continue: Callable[[], bool]) -> int:
    """Delete rows like `_prune`. The field `counted` of `UsageTotal` has their number."""
    deleted, begin = 0, datetime(2000, 1, 1, tzinfo=UTC)
    adapt = connection.ops.adapt_datetimefield_value
    while should_continue():
        with transaction.atomic(), connection.cursor() as cursor:
            # So that no row is added between the deletion and the count.
            keep_others_out()
            cursor.execute(_DELETE[counted], [step.value, adapt(begin), adapt(end), PRUNE_BATCH])
            starts = sorted(start for (start,) in cursor.fetchall())
            if starts:
                begin = _moment(starts[-1])
                _count_deleted(counted, step, begin, starts.count(starts[-1]))
        deleted += len(starts)
        if len(starts) < PRUNE_BATCH:
            break
    return deleted


def _count_deleted(counted: str, step: UsageStep, last: datetime, rows: int) -> None:
    """Record that all rows before `last` are gone, and so many of that time."""
    totals = UsageTotal.objects.filter(step=step, **{f"{counted}__gt": 0})
    totals.filter(start__lt=last).update(**{counted: 0})
    totals.filter(start=last).update(**{counted: Greatest(F(counted) - rows, 0)})


def _moment(stored: datetime) -> datetime:
    """Return a time that was read without Django, which SQLite returns without its time zone."""
    return stored if stored.tzinfo else stored.replace(tzinfo=UTC)
