"""Demand: how many requests a caller makes, hour by hour, in the rhythm of day and week."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from random import Random
from typing import Final

from ratelimit.limit import Limit

MINUTES: Final = 60
CROWDED_MINUTES: Final = 8
"""Minutes of an hour in which a caller is throttled outside a surge: too few for a guard rail."""

_SATURDAY: Final = 5


class Rhythm(Enum):
    """When in the day the requests come, as weights of the 24 hours of UTC, and how much of it at the weekend."""

    OFFICE = ((1, 1, 1, 1, 1, 2, 6, 14, 24, 28, 29, 27, 22, 26, 28, 27, 22, 14, 8, 5, 3, 2, 1, 1), 0.15)
    SHOPPING = ((6, 4, 3, 2, 2, 3, 6, 9, 12, 14, 15, 17, 18, 16, 15, 15, 17, 21, 26, 29, 27, 21, 14, 9), 1.3)
    CLOCKWORK = ((1,) * 24, 1.0)
    NIGHT = ((18, 40, 44, 30, 12) + (0,) * 18 + (4,), 1.0)

    def share(self, hour: datetime) -> float:
        """The part of a weekday's requests that falls into this hour."""
        weights, weekend = self.value
        return weights[hour.hour] / sum(weights) * (weekend if hour.weekday() >= _SATURDAY else 1)


@dataclass(frozen=True, slots=True)
class Surge:
    """Whole hours, from `begin` until before `end`, in which `per_hour` requests come on top of all others."""

    begin: datetime
    end: datetime
    per_hour: int


@dataclass(frozen=True, slots=True)
class Demand:
    """`per_day` requests on a weekday, all of each hour's in its first `crowd` minutes (1 to 60)."""

    per_day: int
    rhythm: Rhythm = Rhythm.OFFICE
    crowd: int = MINUTES
    surges: tuple[Surge, ...] = ()

    def surging(self, hour: datetime) -> bool:
        """Whether a surge is on in this hour."""
        return any(surge.begin <= hour < surge.end for surge in self.surges)

    def met(self, hour: datetime, minutes: int, limit: Limit | None, rng: Random) -> tuple[int, int]:
        """Requests (allowed, throttled) in the first `minutes` (1 to 60) of the hour, under `limit`."""
        asked = self.per_day * self.rhythm.share(hour) * rng.uniform(0.75, 1.25) * minutes / MINUTES
        asked += sum(surge.per_hour for surge in self.surges if surge.begin <= hour < surge.end) * minutes / MINUTES
        whole = int(asked + rng.random())
        if limit is None:
            return whole, 0
        lasting = MINUTES if self.surging(hour) else self.crowd
        room = limit.burst * min(lasting, minutes) * 60 // limit.per_seconds
        room += limit.burst if lasting < MINUTES else 0  # the bucket has filled since the crowd of the hour before
        return min(whole, room), max(whole - room, 0)
