"""Times in UTC, and their RFC 3339 text: the one format in bodies, pages, events and logs."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

EXAMPLE: Final = "2027-03-28T02:30:00Z"

_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII
)


def rfc3339(moment: datetime, *, timespec: str = "seconds") -> str:
    """Return `moment` in UTC, as in 2027-01-31T09:30:00Z; `timespec` is that of `datetime.isoformat`.

    Raises ValueError if `moment` has no time zone.
    """
    # astimezone() would read it as a time in this machine's zone.
    if moment.tzinfo is None:
        raise ValueError(f"a time needs its zone, as in {EXAMPLE}")
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """Return the time that an RFC 3339 text names, in UTC. Every time that people and clients type is parsed here.

    Raises ValueError, which gives an example, for any other text: a date alone, a time without an offset, a time
    that doesn't exist. A leap second (23:59:60) is rejected too, because a `datetime` can't hold it.
    """
    try:
        # fromisoformat() accepts other ISO 8601 forms as well, so check the shape first.
        if _RFC3339.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"A time must be RFC 3339 with an offset, for example {EXAMPLE}.")


def whole_second(moment: datetime) -> datetime:
    """Return `moment` without its fraction of a second, as `rfc3339` shows it."""
    # An expiry that is stored with a fraction would take effect later than the time that is shown.
    return moment.replace(microsecond=0)


def next_whole_second(moment: datetime) -> datetime:
    """Return the first whole second that isn't before `moment`."""
    return whole_second(moment + timedelta(microseconds=999_999))


def from_ns(nanoseconds: int) -> datetime:
    """Return the time that is `nanoseconds` after the Unix epoch, in UTC."""
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)
