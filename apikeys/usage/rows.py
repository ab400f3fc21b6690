"""Database rows of usage, and the times of last use of keys and secrets."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import connection
from django.db.models import F

from apikeys.models import APIKey, KeySecret, Usage, UsageStep, UsageTotal
from latchkey.timestamps import from_ns
from ratelimit.bucket import Record


def add(step: UsageStep, additions: Mapping[int, tuple[datetime, int, int]]) -> None:
    """Add requests to the rows of the given keys and to the totals.

    `additions` has (start, allowed, throttled) by the primary key of the key. The caller holds the locks of the
    keys.
    """
    starts = {start for start, _, _ in additions.values()}
    known = Usage.objects.filter(key_id__in=additions, step=step, start__in=starts)
    rows = {(row.key_id, row.start): row for row in known}
    for key_id, (start, allowed, throttled) in additions.items():
        row = rows.setdefault((key_id, start), Usage(key_id=key_id, step=step, start=start))
        row.allowed += allowed
        row.throttled += throttled
    changed = [
        Usage(key_id=row.key_id, step=step, start=row.start, allowed=row.allowed, throttled=row.throttled)
        for (key_id, start), row in rows.items()
        if additions[key_id][0] == start
    ]
    Usage.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["key", "step", "start"],
        update_fields=["allowed", "throttled"],
    )
    # All writers lock the rows of totals in the same order, so they cannot deadlock.
    for start in sorted(starts):
        _add_total(step, start, [used for used in additions.values() if used[0] == start])


def _add_total(step: UsageStep, start: datetime, used: list[tuple[datetime, int, int]]) -> None:
    total, _ = UsageTotal.objects.get_or_create(step=step, start=start)
    UsageTotal.objects.filter(pk=total.pk).update(
        allowed=F("allowed") + sum(allowed for _, allowed, _ in used),
        throttled=F("throttled") + sum(throttled for _, _, throttled in used),
    )


def note_last_use(changed: Sequence[tuple[APIKey, Record]]) -> None:
    """Update `last_used_at` of the keys, and of the secrets that were used, from their records.

    A secret's first use is written with it, once.
    """
    keys = {key.pk: from_ns(record.used_ns) for key, record in changed if record.used_ns}
    secrets = {
        secret.pk: used
        for key, record in changed
        for secret in key.secrets.all()
        if (used := secret.last_use_in(record)) is not None
    }
    _set_each(APIKey, keys)
    _set_each(KeySecret, secrets, first="first_used_at")


def _set_each(model: type[APIKey] | type[KeySecret], values: Mapping[int, datetime], first: str = "") -> None:
    """Update `last_used_at` of each row, but never set it back."""
    if not values:
        return
    first_use = f', "{first}" = COALESCE("{first}", "last_used_at", %s)' if first else ""
    # Another store may know of a later use. A short statement run many times is cheaper than Django's single
    # statement with many cases.
    statement = (
        f'UPDATE "{model._meta.db_table}" SET "last_used_at" = %s{first_use}'  # noqa: S608 - our names
        ' WHERE "id" = %s AND ("last_used_at" IS NULL OR "last_used_at" < %s)'
    )
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.executemany(
            statement,
            [(*[adapt(moment)] * (2 if first else 1), pk, adapt(moment)) for pk, moment in values.items()],
        )
