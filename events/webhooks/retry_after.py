"""Retry-After field of a response (RFC 9110, section 10.2.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def parse_retry_after(value: str, now: datetime) -> int | None:
    """Return the seconds (0 or more) that a number or a date stands for, or None for any other value."""
    if value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, IndexError, OverflowError):
        return None
    # The zone "-0000" means UTC without information about the local time zone (RFC 5322). Python leaves tzinfo out.
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0, int((date - now).total_seconds()))
