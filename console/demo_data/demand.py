"""Demand: how many requests a caller makes in each hour, depending on the time of day and the day of the week."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from random import Random
from typing import Final

from ratelimit.limit import Limit

MINUTES: Final = 60
CROWDED_MINUTES: Final = 8
"""Minutes per hour in which a caller is throttled outside a surge: too few to open an incident."""

_SATURDAY: Final = 5


class Rhythm(Enum):
    """Daily pattern of requests: a weight for each hour of the day in UTC, and the factor for weekend days."""

    OFFICE = ((1, 1, 1, 1, 1, 2, 6, 14, 24, 28, 29, 27, 22, 26, 28, 27, 22, 14, 8, 5, 3, 2, 1, 1), 0.15)
    SHOPPING = ((6, 4, 3, 2, 2, 3, 6, 9, 12, 14, 15, 17, 18, 16, 15, 15, 17, 21, 26, 29, 27, 21, 14, 9), 1.3)
    CLOCKWORK = ((1,) * 24, 1.0)
    NIGHT = ((18, 40, 44, 30, 12) + (0,) * 18 + (4,), 1.0)

    def share(self, hour: datetime) -> float:
        """Return the requests of this hour as a fraction of a whole weekday's requests."""
        weights, weekend = self.value
        return weights[hour.hour] / sum(weights) * (weekend if hour.weekday() >= _SATURDAY else 1)


@dataclass(frozen=True, slots=True)
class Surge:
    """Period with `per_hour` additional requests: whole hours, from `begin` (included) to `end` (excluded)."""

    begin: datetime
    end: datetime
    per_hour: int


@dataclass(frozen=True, slots=True)
class Demand:
    """Demand of one caller: `per_day` requests on a weekday, in the first `crowd` minutes (1 to 60) of each hour.

    `surges` come in addition, spread over the whole hour.
    """

    per_day: int
    rhythm: Rhythm = Rhythm.OFFICE
    crowd: int = MINUTES
    surges: tuple[Surge, ...] = ()

    def surging(self, hour: datetime) -> bool:
        """Return whether this hour lies in a surge."""
        return any(surge.begin <= hour < surge.end for surge in self.surges)

    def met(self, hour: datetime, minutes: int, limit: Limit | None, rng: Random) -> tuple[int, int]:
        """Return the requests (allowed, throttled) in the first `minutes` (1 to 60) of the hour, under `limit`."""
        asked = self.per_day * self.rhythm.share(hour) * rng.uniform(0.75, 1.25) * minutes / MINUTES
        asked += sum(surge.per_hour for surge in self.surges if surge.begin <= hour < surge.end) * minutes / MINUTES
        # Random rounding keeps the expected value. Rounding to the nearest would always drop a small demand to 0.
        whole = int(asked + rng.random())
        if limit is None:
            return whole, 0
        lasting = MINUTES if self.surging(hour) else self.crowd
        room = limit.burst * min(lasting, minutes) * 60 // limit.per_seconds
        # A crowd finds a full bucket, which was refilled after the crowd of the previous hour.
        room += limit.burst if lasting < MINUTES else 0
        return min(whole, room), max(whole - room, 0)
