"""The Retry-After field of an answer (RFC 9110, section 10.2.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after_seconds(value: str, now: datetime) -> int | None:
    """Seconds, 0 or more, from a number or a date; None for anything else."""
    if value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, IndexError, OverflowError):
        return None
    if date.tzinfo is None:  # "-0000", by which RFC 5322 means UTC of an unknown place
        date = date.replace(tzinfo=UTC)
    return max(0, int((date - now).total_seconds()))
