"""High-water marks of usage: up to which value a store's counters are written to the database, per key and store."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import Count, Exists, F, OuterRef
from django.db.models.functions import Now, TruncDay

from apikeys.models import UnitMark, Usage, UsageMark, UsageSource, UsageStep, UsageTotal
from apikeys.usage.batch import dialect, keep_others_out

ARCHIVE: Final = "archive"
"""Generation of the source whose marks say when keys were used in stores that are gone. Migration 0008 makes it too."""

GONE_AFTER: Final = timedelta(days=90)
_SEEN_EVERY: Final = timedelta(hours=1)
_PRUNE_BATCH: Final = 500


def source_of(generation: str) -> int:
    """Return the primary key of the store with this generation, and record that it still exists, once an hour."""
    # By the database's clock: a host whose clock is months ahead would cause marks to be deleted, and all usage to be
    # counted again.
    source, _ = UsageSource.objects.get_or_create(generation=generation, defaults={"seen_at": Now()})
    UsageSource.objects.filter(pk=source.pk, seen_at__lt=Now() - _SEEN_EVERY).update(seen_at=Now())
    return source.pk


def prune_marks(should_continue: Callable[[], bool] = lambda: True) -> int:
    """Delete the marks of stores that were not read for 90 days, in batches, as long as `should_continue` returns true.

    Return how many. A store that comes back later is counted again from 0. What the marks know of last use, and of
    days, is kept.
    """
    deleted = 0
    for source in UsageSource.objects.filter(seen_at__lt=Now() - GONE_AFTER).exclude(generation=ARCHIVE):
        marks = UsageMark.objects.filter(source=source).order_by("pk")
        while should_continue():
            with transaction.atomic():
                keep_others_out()
                if not (batch := list(marks.values_list("pk", flat=True)[:_PRUNE_BATCH])):
                    break
                _write_days(batch)
                _archive(batch)
                deleted += UsageMark.objects.filter(pk__in=batch).delete()[0]
        _delete_unit_marks(source, should_continue)
        if not marks.exists() and not source.unit_marks.exists():
            source.delete()
    return deleted


def _delete_unit_marks(source: UsageSource, should_continue: Callable[[], bool]) -> None:
    """Delete the marks of usage by unit. They contain nothing that the rows don't have."""
    marks = UnitMark.objects.filter(source=source).order_by("pk")
    while should_continue() and (batch := list(marks.values_list("pk", flat=True)[:_PRUNE_BATCH])):
        with transaction.atomic():
            keep_others_out()
            UnitMark.objects.filter(pk__in=batch).delete()


def _write_days(marks: Sequence[int]) -> None:
    """Add the requests that only the marks contain to the rows of their days. Rows of their hours are pruned by now."""
    held = UsageMark.objects.filter(pk__in=marks, hour_allowed__gt=0).annotate(day=TruncDay("hour_at"))
    row = Usage.objects.filter(key=OuterRef("key"), step=UsageStep.DAY, start=OuterRef("day"))
    new = held.filter(~Exists(row)).order_by("day").values_list("day").annotate(Count("pk"))
    for start, keys in list(new):
        UsageTotal.objects.filter(step=UsageStep.DAY, start=start).update(keys=F("keys") + keys)
    statement = f"""
        INSERT INTO apikeys_usage AS stored (key_id, step, start, allowed, throttled)
        SELECT key_id, 'day', {dialect().truncated("day", "hour_at")}, hour_allowed, 0 FROM apikeys_usagemark
        WHERE id IN ({_placeholders(marks)}) AND hour_allowed > 0
        ON CONFLICT (key_id, step, start) DO UPDATE SET allowed = stored.allowed + excluded.allowed
    """  # noqa: S608 - our names
    with connection.cursor() as cursor:
        cursor.execute(statement, list(marks))


def archive() -> UsageSource:
    """Return the source of marks that count nothing, and keep times of use."""
    source, _ = UsageSource.objects.get_or_create(generation=ARCHIVE, defaults={"seen_at": Now()})
    return source


def _archive(marks: Sequence[int]) -> None:
    """Copy the times of use to marks of the archive."""
    times = ("used_0_at", "used_1_at", "first_0_at", "first_1_at")
    columns = ", ".join(times)
    latest = ", ".join(f"{name} = {dialect().latest(f'stored.{name}', f'excluded.{name}')}" for name in times)
    statement = f"""
        INSERT INTO apikeys_usagemark AS stored (key_id, source_id, allowed, throttled, hour_allowed, {columns})
        SELECT key_id, %s, 0, 0, 0, {columns} FROM apikeys_usagemark WHERE id IN ({_placeholders(marks)})
        ON CONFLICT (key_id, source_id) DO UPDATE SET {latest}
    """  # noqa: S608 - our names
    with connection.cursor() as cursor:
        cursor.execute(statement, [archive().pk, *marks])


def _placeholders(values: Sequence[object]) -> str:
    return ", ".join(["%s"] * len(values))
