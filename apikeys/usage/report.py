"""Usage of one key by minute, hour or day, as JSON."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from apikeys.models import APIKey, UsageStep
from apikeys.usage.points import Point, points_of
from apikeys.usage.steps import STEPS, step_start
from apikeys.usage.units.amounts import Amounts, amounts_by_step
from latchkey.problems import FieldError
from latchkey.query import Query, choice_parameter, time_parameter
from latchkey.timestamps import rfc3339
from latchkey.validation import InvalidParameters

MAX_STEPS: Final = 1500
DEFAULT_STEP: Final = UsageStep.HOUR.value
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)

QUERY: Final[Query] = (
    time_parameter("since", "Default: one day before `until`."),
    time_parameter("until", "Default: now."),
    choice_parameter("step", list(STEPS), "The length of a step.", default=DEFAULT_STEP),
)


def usage_json(
    key: APIKey,
    now: datetime,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    step: str = DEFAULT_STEP,
) -> list[dict[str, object]]:
    """Return `[{start, allowed, throttled}]` from the parsed parameters of QUERY. Steps without usage are left out.

    A step with usage in other units than requests also has `units`: `{unit: {charged, returned}}`.

    Raises InvalidParameters, also for more than MAX_STEPS steps.
    """
    end = until or now
    # The bound keeps a very early `until` from underflowing the smallest datetime.
    begin = since or max(end, _EARLIEST) - timedelta(days=1)
    if begin >= end:
        raise InvalidParameters.of([FieldError("/since", "not-before-until", "since must be before until.")])
    if (end - begin) / STEPS[step] > MAX_STEPS:
        detail = f"At most {MAX_STEPS} steps are possible. Use a longer step."
        raise InvalidParameters.of([FieldError("/step", "too-many-steps", detail)])
    first = step_start(UsageStep(step), begin)
    points = {point.start: point for point in points_of([key.pk], UsageStep(step), first, end)[key.pk]}
    units = amounts_by_step(key.pk, UsageStep(step), first, end)
    # What a reservation is given back belongs to the time of its estimate, so a step can have units alone.
    return [_step_json(points.get(start, Point(start)), units.get(start, {})) for start in sorted({*points, *units})]


def _step_json(point: Point, units: Mapping[str, Amounts]) -> dict[str, object]:
    fields: dict[str, object] = {
        "start": rfc3339(point.start),
        "allowed": point.allowed,
        "throttled": point.throttled,
    }
    return {**fields, "units": {unit: amounts._asdict() for unit, amounts in units.items()}} if units else fields
