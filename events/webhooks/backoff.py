"""How long to wait after a failed delivery, and when to give an endpoint up."""

from datetime import datetime, timedelta
from typing import Final

FIRST: Final = timedelta(seconds=5)
LONGEST: Final = timedelta(hours=1)
DEAD_AFTER: Final = timedelta(days=3)
DEAD_ATTEMPTS: Final = 10
_DOUBLINGS: Final = 10  # by then LONGEST is reached; more would only make a huge number


def wait_after(failures: int, jitter: float, retry_after_seconds: int | None = None) -> timedelta:
    """The pause after the given number of failures in a row (1 or more): 5 seconds, doubled each time, at most an hour.

    `jitter`, from 0 up to 1, takes up to half off, so that endpoints that failed together do not come back together.
    The receiver's Retry-After (RFC 9110, section 10.2.3) can make it longer, never shorter, and not over an hour.
    """
    pause = min(FIRST * (1 << min(failures - 1, _DOUBLINGS)), LONGEST) * (0.5 + jitter / 2)
    return max(pause, min(timedelta(seconds=min(retry_after_seconds or 0, 86_400)), LONGEST))


def is_dead(failures: int, failing_since: datetime, now: datetime) -> bool:
    """Whether it has failed for 3 days, and 10 times: where the steward did not run, time alone proves nothing."""
    return failures >= DEAD_ATTEMPTS and now - failing_since >= DEAD_AFTER
