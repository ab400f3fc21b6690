"""Texts for people: limits, durations and times."""

from datetime import datetime, timedelta

from ratelimit.limit import Limit

_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def format_limit(limit: Limit | None) -> str:
    """Return the limit as text, such as "1 per second, burst 60"; None means unlimited."""
    if limit is None:
        return "Unlimited"
    return f"{_format_refill(limit)}, burst {limit.burst:,}"


def _format_refill(limit: Limit) -> str:
    if limit.per_seconds == limit.burst:
        return "1 per second"
    if limit.per_seconds % limit.burst == 0:
        return f"1 per {format_duration(timedelta(seconds=limit.per_seconds // limit.burst))}"
    if limit.burst % limit.per_seconds == 0:
        return f"{limit.burst // limit.per_seconds:,} per second"
    return f"{limit.burst:,} per {format_duration(timedelta(seconds=limit.per_seconds))}"


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
