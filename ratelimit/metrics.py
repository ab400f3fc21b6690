"""Prometheus metrics of rate limiting."""

from dataclasses import dataclass
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from latchkey import metric_names
from latchkey.buffered_metrics import CounterLike, HistogramLike, UnbufferedHistogram
from ratelimit.decision import Decision

# A decision of a local store takes microseconds and one over a network up to the time-out, so the buckets span
# both.
STORE_BOUNDS: Final = (0.000002, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.025, 0.1, 1.0)

ALLOWED: Final = Counter(metric_names.RATE_LIMIT_ALLOWED, "Requests that all limits of their key allowed.")
THROTTLED: Final = Counter(metric_names.RATE_LIMIT_THROTTLED, "Requests that a limit of their key refused.")
_PLAN_REFUSALS: Final = Counter(
    metric_names.PLAN_LIMIT_REFUSALS, "Requests that a limit of a plan refused, by the kind of the limit.", ["kind"]
)
# Create the series at startup: Prometheus can't see the increase of a series that starts at 1.
REFUSED_BY_RATE: Final = _PLAN_REFUSALS.labels("rate")
REFUSED_BY_QUOTA: Final = _PLAN_REFUSALS.labels("quota")
REFUSED_BY_CONCURRENCY: Final = _PLAN_REFUSALS.labels("concurrency")
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
    refused_by_rate: CounterLike
    refused_by_quota: CounterLike
    # Never buffered: only reservations ask for slots.
    refused_by_concurrency: CounterLike = REFUSED_BY_CONCURRENCY

    def count(self, decision: Decision) -> None:
        """Count a decision, once whatever the number of limits that refused it."""
        if decision.allowed:
            self.allowed.inc()
            return
        self.throttled.inc()
        if decision.measured:
            self._count_refusals(decision)

    def _count_refusals(self, decision: Decision) -> None:
        """Count a refused request once for each kind of the plans' limits that refused it."""
        terms = [
            claim.terms[state.term]
            for claim, state in zip(decision.claims, decision.states, strict=True)
            if state.refused
        ]
        if any(term.limit is not None for term in terms):
            self.refused_by_rate.inc()
        if any(term.limit is None and not term.counts_slots for term in terms):
            self.refused_by_quota.inc()
        if any(term.counts_slots for term in terms):
            self.refused_by_concurrency.inc()


UNBUFFERED: Final = DecisionMetrics(
    ALLOWED, THROTTLED, UnbufferedHistogram(STORE_SECONDS), REFUSED_BY_RATE, REFUSED_BY_QUOTA
)
