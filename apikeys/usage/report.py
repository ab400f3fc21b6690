"""Usage of one key by minute, hour or day, as JSON."""

from datetime import UTC, datetime, timedelta
from typing import Final

from apikeys.models import APIKey, UsageStep
from apikeys.usage.points import points_of
from apikeys.usage.steps import STEPS, step_start
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
    """Return `[{start, allowed, throttled}]` from the parsed parameters of QUERY. Steps without a request are left
    out.

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
    points = points_of([key.pk], UsageStep(step), first, end)[key.pk]
    return [{"start": rfc3339(point.start), "allowed": point.allowed, "throttled": point.throttled} for point in points]
