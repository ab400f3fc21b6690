"""Times in UTC: from nanoseconds, and as RFC 3339 text, the one way that bodies, events and logs write them."""

from datetime import UTC, datetime


def rfc3339(moment: datetime, *, timespec: str = "seconds") -> str:
    """`moment` in UTC, as in 2027-01-31T09:30:00Z; `timespec` as in `datetime.isoformat`."""
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def from_ns(nanoseconds: int) -> datetime:
    """The moment that lies so many nanoseconds after the epoch, in UTC."""
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)
