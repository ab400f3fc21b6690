"""How much a key was used, by the minute, the hour or the day."""

from datetime import UTC, datetime, timedelta
from typing import Final

from apikeys.models import APIKey, Usage, UsageStep
from apikeys.usage import step_start
from latchkey.problems import FieldError
from latchkey.timestamps import rfc3339
from latchkey.validation import InvalidParameters, Refused, moment

MAX_STEPS: Final = 1500
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
STEPS: Final[dict[str, timedelta]] = {
    UsageStep.MINUTE.value: timedelta(minutes=1),
    UsageStep.HOUR.value: timedelta(hours=1),
    UsageStep.DAY.value: timedelta(days=1),
}


def usage_json(
    key: APIKey, now: datetime, *, since: str | None = None, until: str | None = None, step: str | None = None
) -> list[dict[str, object]]:
    """`[{start, allowed, throttled}]` from query parameters as they were sent; steps without a request are left out.

    Without parameters: the last 24 hours by the hour. Raises InvalidParameters, for more than 1500 steps too.
    """
    faults: list[FieldError] = []
    end = _time(until, "until", faults) or now
    begin = _time(since, "since", faults) or max(end, _EARLIEST) - timedelta(days=1)
    name = step or "hour"
    if name not in STEPS:
        faults.append(FieldError("/step", "not-a-step", f"step is one of {', '.join(STEPS)}."))
    elif not faults and begin >= end:
        faults.append(FieldError("/since", "not-before-until", "since must lie before until."))
    elif not faults and (end - begin) / STEPS[name] > MAX_STEPS:
        faults.append(FieldError("/step", "too-many-steps", f"At most {MAX_STEPS} steps; take a longer one."))
    if faults:
        raise InvalidParameters.of(faults)
    first = step_start(UsageStep(name), begin)
    rows = Usage.objects.filter(key=key, step=name, start__gte=first, start__lt=end).order_by("start")
    return [{"start": rfc3339(row.start), "allowed": row.allowed, "throttled": row.throttled} for row in rows]


def _time(text: str | None, name: str, faults: list[FieldError]) -> datetime | None:
    if not text:
        return None
    try:
        return moment(text)
    except Refused as refusal:
        faults.extend(fault.under(f"/{name}") for fault in refusal.faults)
        return None
