"""Buffered metrics of the native endpoints: flushed once per event loop iteration, after its responses are sent."""

from functools import cache
from typing import Final

from apikeys.authenticator import Authenticator, default_authenticator
from apikeys.cache.key_cache import HITS
from latchkey.buffered_metrics import BufferedCounter, BufferedHistogram
from ratelimit.limiter import Limiter, default_limiter
from ratelimit.metrics import (
    ALLOWED,
    REFUSED_BY_QUOTA,
    REFUSED_BY_RATE,
    STORE_BOUNDS,
    STORE_SECONDS,
    THROTTLED,
    DecisionMetrics,
)

_hits: Final = BufferedCounter(HITS)
_allowed, _throttled = BufferedCounter(ALLOWED), BufferedCounter(THROTTLED)
_refused_by_rate, _refused_by_quota = BufferedCounter(REFUSED_BY_RATE), BufferedCounter(REFUSED_BY_QUOTA)
_seconds: Final = BufferedHistogram(STORE_SECONDS, STORE_BOUNDS)


@cache
def loop_authenticator() -> Authenticator:
    """Return the process's authenticator with buffered metrics. Use it on the event loop's thread only."""
    decisions = DecisionMetrics(_allowed, _throttled, _seconds, _refused_by_rate, _refused_by_quota)
    limiter = Limiter(default_limiter().store, decisions)
    return default_authenticator().with_metrics(limiter, _hits)


def flush() -> None:
    """Flush what was counted since the last call."""
    _hits.flush()
    _allowed.flush()
    _seconds.flush()
    # Only a throttled request is refused by a limit of a plan.
    if _throttled.flush():
        _refused_by_rate.flush()
        _refused_by_quota.flush()
