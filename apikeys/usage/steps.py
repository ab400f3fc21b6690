"""Time steps of usage: minute, hour and day (UTC)."""

from datetime import datetime, timedelta
from typing import Final

from apikeys.models import UsageStep

STEPS: Final[dict[str, timedelta]] = {
    UsageStep.MINUTE.value: timedelta(minutes=1),
    UsageStep.HOUR.value: timedelta(hours=1),
    UsageStep.DAY.value: timedelta(days=1),
}


def step_start(step: UsageStep, moment: datetime) -> datetime:
    """Return the start of the minute, hour or day (UTC) that contains `moment`."""
    start = moment.replace(second=0, microsecond=0)
    if step is not UsageStep.MINUTE:
        start = start.replace(minute=0)
    return start.replace(hour=0) if step is UsageStep.DAY else start
