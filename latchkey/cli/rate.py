"""Rate limits as people type them: 60/min, 10/s, 1000/5m, 5000/day."""

import re
from typing import Final

from latchkey.duration import UNIT_SECONDS

_UNITS: Final = {
    **UNIT_SECONDS,
    **dict.fromkeys(("sec", "second", "seconds"), UNIT_SECONDS["s"]),
    **dict.fromkeys(("min", "minute", "minutes"), UNIT_SECONDS["m"]),
    **dict.fromkeys(("hour", "hours"), UNIT_SECONDS["h"]),
    **dict.fromkeys(("day", "days"), UNIT_SECONDS["d"]),
    **dict.fromkeys(("week", "weeks"), UNIT_SECONDS["w"]),
}
_RATE: Final = re.compile(rf"([0-9]{{1,10}})/([0-9]{{0,9}})({'|'.join(_UNITS)})")


def parse_rate(text: str) -> tuple[int, int]:
    """Return the burst and the refill period in seconds. Raises ValueError; the server checks the bounds."""
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError("must be a number of requests and a period, for example 60/min, 10/s, 1000/5m or 5000/day")
    return int(match[1]), int(match[2] or 1) * _UNITS[match[3]]
