"""Time spans as people type them: 90d, 12h, 30m, 45s or 2w. Also times, which may be typed as a span from now."""

import re
from datetime import datetime, timedelta
from typing import Final

from latchkey.timestamps import EXAMPLE, parse_rfc3339

LONGEST: Final = timedelta(days=36_525)
UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_duration(text: str) -> timedelta:
    """Return the span that `text` names, above 0 and at most LONGEST. Raises ValueError that says what to type."""
    match = re.fullmatch(r"([0-9]{1,12})([smhdw])", text)
    seconds = int(match[1]) * UNIT_SECONDS[match[2]] if match else 0
    if not 0 < seconds <= LONGEST.total_seconds():
        raise ValueError(f"must be a time span such as 90d, with s, m, h, d or w, up to {LONGEST.days}d")
    return timedelta(seconds=seconds)


def time_or_span_ahead(text: str, now: datetime) -> datetime:
    """Return the time that `text` names: an RFC 3339 time, or a span after `now`. Raises ValueError."""
    return _time(text, now, 1)


def time_or_span_ago(text: str, now: datetime) -> datetime:
    """Return the time that `text` names: an RFC 3339 time, or a span before `now`. Raises ValueError."""
    return _time(text, now, -1)


def _time(text: str, now: datetime, sign: int) -> datetime:
    try:
        return parse_rfc3339(text)
    except ValueError:
        pass
    try:
        return now + sign * parse_duration(text)
    except ValueError:
        raise ValueError(
            f"must be a time such as {EXAMPLE}, or a time span such as 90d, up to {LONGEST.days}d"
        ) from None
