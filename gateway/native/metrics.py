"""Buffered metrics of the native endpoints: flushed once per event loop iteration, after its responses are sent."""

from functools import cache
from typing import Final

from apikeys.authenticator import Authenticator, default_authenticator
from apikeys.cache.key_cache import HITS
from latchkey.buffered_metrics import BufferedCounter, BufferedHistogram
from ratelimit.limiter import Limiter, default_limiter
from ratelimit.metrics import ALLOWED, STORE_BOUNDS, STORE_SECONDS, THROTTLED, DecisionMetrics

_hits: Final = BufferedCounter(HITS)
_allowed: Final = BufferedCounter(ALLOWED)
_throttled: Final = BufferedCounter(THROTTLED)
_seconds: Final = BufferedHistogram(STORE_SECONDS, STORE_BOUNDS)


@cache
def loop_authenticator() -> Authenticator:
    """Return the process's authenticator with buffered metrics. Use it on the event loop's thread only."""
    limiter = Limiter(default_limiter().store, DecisionMetrics(_allowed, _throttled, _seconds))
    return default_authenticator().with_metrics(limiter, _hits)


def flush() -> None:
    """Flush what was counted since the last call."""
    for pending in (_hits, _allowed, _throttled, _seconds):
        pending.flush()
