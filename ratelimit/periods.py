"""Periods of quotas: when the hour, day, week or month ends that is current in a time zone.

The package tzdata is the only source of time zones. It is pinned, so all nodes of a release have the same data.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

from ratelimit.claim import FOREVER_S

MAX_QUOTA: Final = 10**15
_HOUR_S: Final = 3600
# After it, the next boundary might lie in the year 10000, which a `datetime` can't hold.
_LAST_MOMENT_S: Final = FOREVER_S - 366 * 24 * _HOUR_S


class Per(StrEnum):
    """Period of a quota. `once` is a quota that never starts again."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    ONCE = "once"


class Starts(StrEnum):
    """First day of a month of a quota: the first of the calendar, or the day of the month of an owner's anchor."""

    CALENDAR = "calendar"
    ANCHOR = "anchor"


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota of `quota` units (1 to MAX_QUOTA) in each period, whose boundaries are local times of `timezone`."""

    quota: int
    per: Per
    timezone: str = "UTC"
    starts: Starts = Starts.CALENDAR

    def as_json(self) -> dict[str, object]:
        """Return the quota as the API and the database represent it."""
        return {
            "quota": self.quota,
            "per": self.per.value,
            "timezone": self.timezone,
            "starts": self.starts.value,
        }


# (at, end, next end) of a kind of period: from `at` to `end`, these are its ends.
_known_ends: Final[dict[tuple[Per, str, Starts, date | None], tuple[int, int, int]]] = {}
_MAX_KNOWN: Final = 4096


@cache
def zone_names() -> frozenset[str]:
    """Return the names of all time zones."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


@lru_cache(maxsize=1024)
def zone(name: str) -> tzinfo:
    """Return the time zone with this name of `zone_names`."""
    # ZoneInfo(name) would prefer the data of the operating system.
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def period_end(quota: Quota, anchor: date | None, at_s: int) -> int:
    """Return when the period ends that is open at `at_s`. Both are in whole seconds since the Unix epoch.

    `anchor` gives the first day of a month if the quota starts with it: in a shorter month, its last day. Without an
    anchor, months are those of the calendar. A boundary that a time zone skips is where the clock jumps past it; one
    that it has twice is the first of the two. In an hour with a jump, the period ends when the clock shows another
    full hour.
    """
    if quota.per == Per.ONCE or at_s >= _LAST_MOMENT_S:
        return FOREVER_S
    place = zone(quota.timezone)
    local = datetime.fromtimestamp(at_s, UTC).astimezone(place)
    if quota.per == Per.HOUR:
        return _hour_end(local, at_s)
    day = anchor.day if anchor is not None and quota.starts == Starts.ANCHOR else 1
    return _first_moment(_next_day(quota.per, local.date(), day), place)


def period_ends(quota: Quota, anchor: date | None, at_s: int) -> tuple[int, int]:
    """Return when the period ends that is open at `at_s`, and when the one after it does: twice `period_end`."""
    # All keys of a plan have the same periods, and after a change of the plan each of them is resolved again.
    kind = (quota.per, quota.timezone, quota.starts, anchor)
    since_s, end_s, next_s = _known_ends.get(kind, (0, 0, 0))
    if not since_s <= at_s < end_s:
        end_s = period_end(quota, anchor, at_s)
        next_s = period_end(quota, anchor, end_s)
        if len(_known_ends) >= _MAX_KNOWN:
            _known_ends.clear()
        # As one value, because other threads read it.
        _known_ends[kind] = (at_s, end_s, next_s)
    return end_s, next_s


def _hour_end(local: datetime, at_s: int) -> int:
    # By the offset and not by the calendar: when clocks are set back, the same hour of the day comes twice.
    offset = local.utcoffset() or timedelta()
    seconds = int(offset.total_seconds())
    return (at_s + seconds) // _HOUR_S * _HOUR_S + _HOUR_S - seconds


def _next_day(per: Per, today: date, day: int) -> date:
    """Return the first day of the period after that of `today`; a month begins on its `day`, or its last day."""
    if per == Per.DAY:
        return today + timedelta(days=1)
    if per == Per.WEEK:
        return today + timedelta(days=7 - today.weekday())
    this_month = _day_of_month(today, day)
    if today < this_month:
        return this_month
    return _day_of_month(today.replace(day=1) + timedelta(days=31), day)


def _day_of_month(within: date, day: int) -> date:
    last = (within.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return last.replace(day=min(day, last.day))


def _first_moment(day: date, place: tzinfo) -> int:
    """Return the first second at which it is this day in the time zone."""
    midnight = datetime.combine(day, time())
    # In a gap of the local time, the first is after it and the second before it (PEP 495). Otherwise, the first is not
    # later than the second.
    after, before = (_timestamp(midnight.replace(tzinfo=place, fold=fold)) for fold in (0, 1))
    if after <= before:
        return after
    while after - before > 1:
        middle = (after + before) // 2
        if datetime.fromtimestamp(middle, place).date() >= day:
            after = middle
        else:
            before = middle
    return after


def _timestamp(moment: datetime) -> int:
    return int(moment.timestamp())
