"""Texts for people: limits."""

from latchkey.limit_text import limit_text
from ratelimit.limit import Limit


def format_limit(limit: Limit | None) -> str:
    """Return the limit as text, such as "1 per second, burst 60"; None means that there is none."""
    return limit_text(limit.burst, limit.per_seconds) if limit else "None"
