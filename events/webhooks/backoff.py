"""Retry policy: how long to wait after a failed delivery, and when to give up on an endpoint."""

from datetime import datetime, timedelta
from typing import Final

FIRST_DELAY: Final = timedelta(seconds=5)
MAX_DELAY: Final = timedelta(hours=1)
DEAD_AFTER: Final = timedelta(days=3)
DEAD_ATTEMPTS: Final = 10
# MAX_DELAY is reached by then. More doublings would only compute a huge number.
_MAX_DOUBLINGS: Final = 10


def retry_delay(failures: int, jitter: float, retry_after_seconds: int | None = None) -> timedelta:
    """Return the pause after `failures` failures in a row (1 or more): 5 seconds, doubled every time, at most an hour.

    `jitter`, from 0 up to 1, removes up to half of it. The receiver's Retry-After (RFC 9110, section 10.2.3) can
    extend the pause, but never beyond an hour.
    """
    # Jitter, so that endpoints that failed together are not retried together.
    pause = min(FIRST_DELAY * (1 << min(failures - 1, _MAX_DOUBLINGS)), MAX_DELAY) * (0.5 + jitter / 2)
    return max(pause, min(timedelta(seconds=min(retry_after_seconds or 0, 86_400)), MAX_DELAY))


def is_dead(failures: int, failing_since: datetime, now: datetime) -> bool:
    """Return whether an endpoint has failed for 3 days, and 10 times."""
    # Both conditions: if the steward did not run, the time alone proves nothing.
    return failures >= DEAD_ATTEMPTS and now - failing_since >= DEAD_AFTER
