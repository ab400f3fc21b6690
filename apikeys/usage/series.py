"""Usage as a series without gaps, for charts."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from apikeys.models import APIKey, UsageStep, UsageTotal
from apikeys.usage.points import Point, points_of
from apikeys.usage.steps import STEPS, step_start


def total_usage(step: UsageStep, steps: int, now: datetime) -> list[Point]:
    """Return the usage of all keys together in the last `steps` steps, the current one last."""
    gaps = _gaps(step, steps, now)
    totals = UsageTotal.objects.filter(step=step, start__gte=gaps[0].start)
    return _without_gaps(gaps, (Point(total.start, total.allowed, total.throttled) for total in totals))


def usage_of(key: APIKey, step: UsageStep, steps: int, now: datetime) -> list[Point]:
    """Return the key's usage in the last `steps` steps, the current one last."""
    return usage_by_key([key], step, steps, now)[key.pk]


def usage_by_key(keys: Sequence[APIKey], step: UsageStep, steps: int, now: datetime) -> dict[int, list[Point]]:
    """Return the usage of each of `keys` by its primary key, with a single query."""
    gaps = _gaps(step, steps, now)
    found = points_of([key.pk for key in keys], step, gaps[0].start)
    return {pk: _without_gaps(gaps, points) for pk, points in found.items()}


def _gaps(step: UsageStep, steps: int, now: datetime) -> list[Point]:
    """Return the series of a key without a request. Long lists of keys share its points."""
    last, length = step_start(step, now), STEPS[step.value]
    return [Point(last - length * back) for back in range(steps - 1, -1, -1)]


def _without_gaps(gaps: Sequence[Point], points: Iterable[Point]) -> list[Point]:
    known = {point.start: point for point in points}
    return [known.get(gap.start, gap) for gap in gaps]
