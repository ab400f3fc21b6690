"""Usage rows of the demo by minute, hour and day: minutes add up to hours, and hours to days."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from django.db.models import Count, Sum

from apikeys.models import APIKey, Usage, UsageStep, UsageTotal
from apikeys.usage.steps import step_start
from console.demo_data.demand import BURST_MINUTES, MINUTES, Demand

DAYS: Final = 30
MINUTE_ROWS_FOR: Final = timedelta(hours=6)
BATCH: Final = 5000
_HOUR: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class UsageRows:
    """Usage of `key` under its limit and `demand`, from the hour after its issue to `until`.

    Rows go back 30 days from `seen_at`. Those of minutes go back 6 hours, and also cover every surge.
    """

    key: APIKey
    demand: Demand
    until: datetime
    seen_at: datetime

    def build(self, rng: Random) -> list[Usage]:
        """Return the rows: days first, then every hour followed by its minutes, in chronological order."""
        days: dict[datetime, Usage] = {}
        rows: list[Usage] = []
        for hour in self._hours():
            minutes = min(MINUTES, (self.until - hour) // _MINUTE)
            allowed, throttled = self.demand.simulate_hour(hour, minutes, self.key.limit, rng) if minutes else (0, 0)
            if allowed or throttled:
                day = days.setdefault(step_start(UsageStep.DAY, hour), self._row(UsageStep.DAY, hour, 0, 0))
                day.allowed, day.throttled = day.allowed + allowed, day.throttled + throttled
                rows.append(self._row(UsageStep.HOUR, hour, allowed, throttled))
                rows += self._minutes(hour, minutes, rows[-1], rng)
        return [*days.values(), *rows]

    def _hours(self) -> Iterator[datetime]:
        earliest = step_start(UsageStep.DAY, self.seen_at - timedelta(days=DAYS))
        hour = max(earliest, step_start(UsageStep.HOUR, self.key.created_at) + _HOUR)
        while hour < self.until:
            yield hour
            hour += _HOUR

    def _minutes(self, hour: datetime, minutes: int, row: Usage, rng: Random) -> list[Usage]:
        is_surge = self.demand.is_surge(hour)
        # Old minutes matter in a surge only: the guard rail for sustained throttling counts throttled minutes.
        if hour + _HOUR < self.seen_at - MINUTE_ROWS_FOR and not is_surge:
            return []
        active_minutes = MINUTES if is_surge else self.demand.active_minutes
        allowed = spread(row.allowed, min(active_minutes, minutes), rng)
        throttled = spread(row.throttled, min(MINUTES if is_surge else BURST_MINUTES, minutes), rng)
        throttled += [0] * (len(allowed) - len(throttled))
        allowed += [0] * (len(throttled) - len(allowed))
        counts = enumerate(zip(allowed, throttled, strict=True))
        return [self._row(UsageStep.MINUTE, hour + number * _MINUTE, *both) for number, both in counts if any(both)]

    def _row(self, step: UsageStep, start: datetime, allowed: int, throttled: int) -> Usage:
        return Usage(key=self.key, step=step, start=step_start(step, start), allowed=allowed, throttled=throttled)


def spread(total: int, parts: int, rng: Random) -> list[int]:
    """Return `parts` whole numbers of similar size whose sum is `total`."""
    weights = [rng.uniform(0.6, 1.4) for _ in range(parts)]
    whole, reached, given = sum(weights), 0.0, 0
    shares = []
    for weight in weights:
        reached += weight
        # Round the running total instead of the share: otherwise the rounding errors add up, and the sum is wrong.
        shares.append(round(total * reached / whole) - given)
        given += shares[-1]
    return shares


def write_totals() -> None:
    """Set the totals of all steps to the sums and the number of the keys' rows."""
    sums = Usage.objects.values("step", "start").annotate(
        allowed=Sum("allowed"), throttled=Sum("throttled"), keys=Count("pk")
    )
    UsageTotal.objects.bulk_create(
        [UsageTotal(**row) for row in sums.order_by("step", "start")],
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["step", "start"],
        update_fields=["allowed", "throttled", "keys"],
    )
