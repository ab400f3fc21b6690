"""Usage of one key or of all keys, over a range that the page's address names."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest

from apikeys.models import UsageStep
from apikeys.usage.points import Point
from console.charts import bar_chart

Series = Callable[[UsageStep, int, datetime], list[Point]]


@dataclass(frozen=True, slots=True)
class Range:
    """So many steps up to now; `time_format` is for `strftime`."""

    name: str
    title: str
    step: UsageStep
    steps: int
    time_format: str


RANGES: Final = (
    Range("1h", "the last hour", UsageStep.MINUTE, 60, "%H:%M UTC"),
    Range("24h", "the last 24 hours", UsageStep.HOUR, 24, "%d %b %H:%M UTC"),
    Range("7d", "the last 7 days", UsageStep.HOUR, 168, "%d %b %H:%M UTC"),
    Range("30d", "the last 30 days", UsageStep.DAY, 30, "%d %b"),
)
_DEFAULT: Final = RANGES[1]


def usage_chart(request: HttpRequest, series: Series, now: datetime) -> dict[str, Any]:
    """Return the context of `console/usage.html`: the ranges, the chosen one, and the chart of its usage."""
    chosen = next((one for one in RANGES if one.name == request.GET.get("range")), _DEFAULT)
    points = series(chosen.step, chosen.steps, now)
    title = f"Requests in {chosen.title}"
    return {"ranges": RANGES, "range": chosen, "chart": bar_chart(points, title=title, time_format=chosen.time_format)}
