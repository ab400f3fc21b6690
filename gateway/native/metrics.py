"""Buffered metrics of the native endpoints: flushed once per event loop iteration, after its responses are sent."""

from functools import cache
from typing import Final

from apikeys.authenticator import Gate, default_gate
from apikeys.cache.key_cache import HITS
from latchkey.buffered_metrics import PendingCounter, PendingHistogram
from ratelimit.limiter import Limiter, default_limiter
from ratelimit.metrics import ALLOWED, STORE_BOUNDS, STORE_SECONDS, THROTTLED, DecisionMetrics

_hits: Final = PendingCounter(HITS)
_allowed: Final = PendingCounter(ALLOWED)
_throttled: Final = PendingCounter(THROTTLED)
_seconds: Final = PendingHistogram(STORE_SECONDS, STORE_BOUNDS)


@cache
def loop_gate() -> Gate:
    """Return the process's authenticator with buffered metrics. Use it on the event loop's thread only."""
    limiter = Limiter(default_limiter().store, DecisionMetrics(_allowed, _throttled, _seconds))
    return default_gate().with_metrics(limiter, _hits)


def tell() -> None:
    """Flush what was counted since the last call."""
    for pending in (_hits, _allowed, _throttled, _seconds):
        pending.tell()
