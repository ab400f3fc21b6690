"""The ledger of use: writes the bucket store's counters down by minute, hour and day, each request once.

The counters in the store only ever grow, and a mark beside the rows says how far they are written down; rows and mark
move in one transaction. So a writer that dies at any point loses nothing and counts nothing twice.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from django.db import connection, transaction
from django.db.models import F

from apikeys.models import APIKey, KeySecret, Usage, UsageMark, UsageStep, UsageTotal
from latchkey.timestamps import from_ns
from ratelimit.bucket import Record
from ratelimit.limiter import KEY_PREFIX
from ratelimit.stores import BucketStore

BATCH: Final = 500
PRUNE_BATCH: Final = 1000
RETENTION: Final = {
    UsageStep.MINUTE: timedelta(days=2),
    UsageStep.HOUR: timedelta(days=90),
    UsageStep.DAY: timedelta(days=5 * 366),
}
# A request reads its time before it is written, and clocks step back a little: what is looked at twice costs nothing.
_MARGIN_NS: Final = 120_000_000_000


class UsageLedger:
    """Writes use down, time and again. One writer at a time is enough; where two overlap, nothing is counted twice.

    The first pass looks at every key; later ones only at keys that were used since the pass before began.
    """

    def __init__(self, store: BucketStore) -> None:
        self._store = store
        self._since_ns = 0

    def write_down(self, go_on: Callable[[], bool] = lambda: True) -> int:
        """Writes all use that is not yet written down, a batch at a time while `go_on` says so; returns the number of
        keys that had any.
        """
        began_ns = self._store.now_ns()
        if began_ns < self._since_ns:
            self._since_ns = 0  # the clock stepped back, so times of use cannot be compared: look at every key
        generation = self._store.generation()
        used = (
            (key.decode(), record)
            for key, record in self._store.usage(KEY_PREFIX)
            if record.used_ns >= self._since_ns and record.used_ns
        )
        written = 0
        while batch := dict(islice(used, BATCH)):
            if not go_on():
                return written  # the next pass looks at these again
            if news := _with_news(batch, generation):
                with transaction.atomic():
                    written += self._write_batch(news, generation)
        self._since_ns = began_ns - _MARGIN_NS
        return written

    def _write_batch(self, key_ids: list[str], generation: str) -> int:
        # Locked in one order; marks and counters are read under the lock, so that no mark is ahead of its counters.
        locked = APIKey.objects.filter(key_id__in=key_ids).select_for_update().order_by("pk")
        keys = list(locked.prefetch_related("usagemark", "secrets"))
        records = {key.pk: self._store.peek(key.key_id.encode()) for key in keys}
        unwritten = {key.pk: _unwritten(_mark_of(key), records[key.pk], generation) for key in keys}
        changed = [(key, records[key.pk]) for key in keys if unwritten[key.pk] != (0, 0)]
        for step in UsageStep:
            _add(
                step,
                {key.pk: (step_start(step, from_ns(record.used_ns)), *unwritten[key.pk]) for key, record in changed},
            )
        UsageMark.objects.bulk_create(
            [
                UsageMark(key=key, generation=generation, allowed=record.allowed, throttled=record.throttled)
                for key, record in changed
            ],
            update_conflicts=True,
            unique_fields=["key"],
            update_fields=["generation", "allowed", "throttled"],
        )
        _note_last_use(changed)
        return len(changed)


def _with_news(batch: dict[str, Record], generation: str) -> list[str]:
    """The ids of the batch's keys whose counters are not those of their mark: looked at without holding anybody up."""
    marks = {mark.key.key_id: mark for mark in UsageMark.objects.filter(key__key_id__in=batch).select_related("key")}
    return [key_id for key_id, record in batch.items() if _unwritten(marks.get(key_id), record, generation) != (0, 0)]


def _mark_of(key: APIKey) -> UsageMark | None:
    mark: UsageMark | None = getattr(key, "usagemark", None)
    return mark


def _unwritten(mark: UsageMark | None, record: Record, generation: str) -> tuple[int, int]:
    """Requests (allowed, throttled) of `record` that no row holds yet."""
    if mark is None or mark.generation != generation:
        return record.allowed, record.throttled
    if record.allowed < mark.allowed or record.throttled < mark.throttled:
        return record.allowed, record.throttled  # the record was lost, and begun anew
    return record.allowed - mark.allowed, record.throttled - mark.throttled


def _add(step: UsageStep, additions: dict[int, tuple[datetime, int, int]]) -> None:
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
    for start in starts:
        _add_total(step, start, [used for used in additions.values() if used[0] == start])


def _add_total(step: UsageStep, start: datetime, used: list[tuple[datetime, int, int]]) -> None:
    total, _ = UsageTotal.objects.get_or_create(step=step, start=start)
    UsageTotal.objects.filter(pk=total.pk).update(
        allowed=F("allowed") + sum(allowed for _, allowed, _ in used),
        throttled=F("throttled") + sum(throttled for _, _, throttled in used),
    )


def _note_last_use(changed: list[tuple[APIKey, Record]]) -> None:
    secrets = []
    for key, record in changed:
        key.last_used_at = from_ns(record.used_ns)
        for secret in key.secrets.all():
            used = secret.last_use_in(record)
            if used is not None:
                secret.last_used_at = used
                secrets.append(secret)
    _set_each(APIKey, {key.pk: key.last_used_at for key, _ in changed})
    _set_each(KeySecret, {secret.pk: secret.last_used_at for secret in secrets})


def _set_each(model: type[APIKey] | type[KeySecret], values: Mapping[int, datetime | None]) -> None:
    """Sets `last_used_at` of each row: one short statement many times, where Django would build one of many cases."""
    if not values:
        return
    statement = f'UPDATE "{model._meta.db_table}" SET "last_used_at" = %s WHERE "id" = %s'  # noqa: S608 - our names
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.executemany(statement, [(adapt(moment), pk) for pk, moment in values.items()])


def step_start(step: UsageStep, moment: datetime) -> datetime:
    """The beginning of the minute, hour or day of UTC in which `moment` lies."""
    start = moment.replace(second=0, microsecond=0)
    if step is not UsageStep.MINUTE:
        start = start.replace(minute=0)
    return start.replace(hour=0) if step is UsageStep.DAY else start


def forget_old_usage(now: datetime, go_on: Callable[[], bool] = lambda: True) -> int:
    """Deletes rows that are older than RETENTION says, a batch at a time while `go_on` says so; returns how many."""
    forgotten = 0
    for step, retention in RETENTION.items():
        old = Usage.objects.filter(step=step, start__lt=now - retention).order_by("start")
        while go_on() and (batch := list(old.values_list("pk", flat=True)[:PRUNE_BATCH])):
            forgotten += Usage.objects.filter(pk__in=batch).delete()[0]
        UsageTotal.objects.filter(step=step, start__lt=now - retention).delete()
    return forgotten
