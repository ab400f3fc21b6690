"""Usage as a series without gaps, for charts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apikeys.models import APIKey, Usage, UsageStep, UsageTotal
from apikeys.usage.report import STEPS
from apikeys.usage.rollup import step_start


@dataclass(frozen=True, slots=True)
class Point:
    """Requests within the step that begins at `start`."""

    start: datetime
    allowed: int = 0
    throttled: int = 0


def of_all_keys(step: UsageStep, steps: int, now: datetime) -> list[Point]:
    """Return the usage of all keys together in the last `steps` steps, the current one last."""
    starts = _starts(step, steps, now)
    return _without_gaps(starts, UsageTotal.objects.filter(step=step, start__gte=starts[0]))


def of_key(key: APIKey, step: UsageStep, steps: int, now: datetime) -> list[Point]:
    """Return the key's usage in the last `steps` steps, the current one last."""
    starts = _starts(step, steps, now)
    return _without_gaps(starts, Usage.objects.filter(key=key, step=step, start__gte=starts[0]))


def of_each(keys: Sequence[APIKey], step: UsageStep, steps: int, now: datetime) -> dict[int, list[Point]]:
    """Return the usage of each of `keys` by its primary key, with a single query."""
    starts = _starts(step, steps, now)
    rows: dict[int, list[Usage]] = {key.pk: [] for key in keys}
    for row in Usage.objects.filter(key__in=keys, step=step, start__gte=starts[0]):
        rows[row.key_id].append(row)
    return {pk: _without_gaps(starts, found) for pk, found in rows.items()}


def _starts(step: UsageStep, steps: int, now: datetime) -> list[datetime]:
    last, length = step_start(step, now), STEPS[step.value]
    return [last - length * back for back in range(steps - 1, -1, -1)]


def _without_gaps(starts: Sequence[datetime], rows: Iterable[Usage | UsageTotal]) -> list[Point]:
    known = {row.start: Point(row.start, row.allowed, row.throttled) for row in rows}
    return [known.get(start) or Point(start) for start in starts]


def total(points: Iterable[Point]) -> Point:
    """Return the sum of a series."""
    listed = list(points)
    start = listed[0].start if listed else datetime.max - timedelta(days=1)
    return Point(start, sum(point.allowed for point in listed), sum(point.throttled for point in listed))
