"""Durations and times in words, as pages and tables show them."""

from datetime import datetime, timedelta
from typing import Final

_UNITS: Final = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def format_duration(span: timedelta) -> str:
    """Return the span in the largest unit that divides it: "90 seconds", "30 days"; "day" if it is one of a unit."""
    seconds = int(span.total_seconds())
    for length, name in _UNITS:
        if seconds % length == 0 and seconds >= length:
            count = seconds // length
            return name if count == 1 else f"{count:,} {name}s"
    return f"{seconds:,} seconds"


def format_relative_time(moment: datetime | None, now: datetime) -> str:
    """Return how long ago or how far ahead `moment` is, rounded down to one unit: "5 minutes ago", "in 3 days".

    Return "now" for less than a second and "never" for None.
    """
    if moment is None:
        return "never"
    seconds = int(abs((now - moment).total_seconds()))
    for length, name in _UNITS:
        if seconds >= length:
            count = seconds // length
            span = f"{count} {name}{'s' if count > 1 else ''}"
            return f"{span} ago" if moment <= now else f"in {span}"
    return "now"


def format_end(moment: datetime, now: datetime) -> str:
    """Return when something ends or ended: "ends in 3 days", "ended 5 minutes ago"."""
    return f"{'ends' if moment > now else 'ended'} {format_relative_time(moment, now)}"
