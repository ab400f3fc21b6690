"""Prometheus metrics of rate limiting."""

from dataclasses import dataclass
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from latchkey import metric_names
from latchkey.buffered_metrics import CounterLike, HistogramLike

# A decision of a local store takes microseconds and one over a network up to the time-out, so the buckets span
# both.
STORE_BOUNDS: Final = (0.000002, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.025, 0.1, 1.0)

ALLOWED: Final = Counter(metric_names.RATE_LIMIT_ALLOWED, "Requests that a key's bucket allowed.")
THROTTLED: Final = Counter(metric_names.RATE_LIMIT_THROTTLED, "Requests that a key's bucket throttled.")
STORE_ERRORS: Final = Counter(metric_names.BUCKET_STORE_ERRORS, "Failed calls of the bucket store.")
FALLBACK_DECISIONS: Final = Counter(
    metric_names.FALLBACK_DECISIONS, "Decisions made on this host because the bucket store did not respond."
)
ON_FALLBACK: Final = Gauge(
    # Each worker process has its own value; "livemax" reports 1 if any living worker is on the fallback.
    metric_names.ON_FALLBACK,
    "1 while a process decides without the bucket store.",
    multiprocess_mode="livemax",
)
STORE_SECONDS: Final = Histogram(
    metric_names.BUCKET_STORE_SECONDS, "Seconds that the bucket store took for a decision.", buckets=STORE_BOUNDS
)


@dataclass(frozen=True, slots=True)
class DecisionMetrics:
    """The metrics in which a limiter records its decisions."""

    allowed: CounterLike
    throttled: CounterLike
    seconds: HistogramLike


UNBUFFERED: Final = DecisionMetrics(ALLOWED, THROTTLED, STORE_SECONDS)
