"""Usage of keys by step, from the rows of that step and what the keys' marks hold of it."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Value

from apikeys.models import Usage, UsageMark, UsageStep
from apikeys.usage.steps import step_start


@dataclass(frozen=True, slots=True)
class Point:
    """Requests within the step that begins at `start`."""

    start: datetime
    allowed: int = 0
    throttled: int = 0


def points_of(
    keys: Collection[int], step: UsageStep, first: datetime, end: datetime | None = None
) -> dict[int, list[Point]]:
    """Return the usage of keys by their primary key: their steps that begin at `first` or later, and before `end`.

    `first` is the start of a step. Steps without a request are left out. All keys take a single query.
    """
    rows = Usage.objects.filter(key__in=keys, step=step, start__gte=first)
    rows = rows.filter(start__lt=end) if end is not None else rows
    found: Any = rows.values_list("key", "start", "allowed", "throttled")
    if step is not UsageStep.MINUTE:
        held = UsageMark.objects.filter(key__in=keys, hour_at__gte=first, hour_allowed__gt=0)
        # One statement sees one state: in between, the steward may move a sum from a mark to a row.
        found = found.union(held.values_list("key", "hour_at", "hour_allowed", Value(0)), all=True)
    sums: dict[int, dict[datetime, list[int]]] = {pk: defaultdict(lambda: [0, 0]) for pk in keys}
    for pk, moment, allowed, throttled in found:
        start = step_start(step, moment)
        if end is None or start < end:
            both = sums[pk][start]
            both[0] += allowed
            both[1] += throttled
    return {pk: [Point(start, *both) for start, both in sorted(steps.items())] for pk, steps in sums.items()}


def sum_points(points: Iterable[Point]) -> Point:
    """Return the sum of a series."""
    listed = list(points)
    start = listed[0].start if listed else datetime.max - timedelta(days=1)
    return Point(start, sum(point.allowed for point in listed), sum(point.throttled for point in listed))
