"""Spans of time as people type them: 90d, 12h, 30m, 45s or 2w."""

import re
from datetime import timedelta
from typing import Final

LONGEST: Final = timedelta(days=36_525)
_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_duration(text: str) -> timedelta:
    """The span that `text` tells, above 0 and at most LONGEST. Raises ValueError with what to write instead."""
    match = re.fullmatch(r"([0-9]{1,12})([smhdw])", text)
    seconds = int(match[1]) * _UNIT_SECONDS[match[2]] if match else 0
    if not 0 < seconds <= LONGEST.total_seconds():
        raise ValueError(f"a time span is a whole number and s, m, h, d or w, as in 90d, and at most {LONGEST.days}d")
    return timedelta(seconds=seconds)
