"""Calls of a bucket store that are measured, and whose errors are counted."""

from collections.abc import Callable
from time import perf_counter
from typing import TypeVar

from ratelimit import metrics
from ratelimit.bucket import Outcome, TakeRequest
from ratelimit.claim import NO_POLICY
from ratelimit.stores import BucketStore, BucketStoreError

_Result = TypeVar("_Result")


class StoreCalls:
    """Base of what asks a bucket store. Every method may raise BucketStoreError."""

    def __init__(self, store: BucketStore, decision_metrics: metrics.DecisionMetrics = metrics.UNBUFFERED) -> None:
        self.store = store
        self._metrics = decision_metrics

    def _timed_take(self, request: TakeRequest, policy: int = NO_POLICY) -> Outcome:
        started = perf_counter()
        try:
            return self.store.take(*request, policy)
        except BucketStoreError:
            metrics.STORE_ERRORS.inc()
            raise
        finally:
            self._metrics.seconds.observe(perf_counter() - started)

    def _timed(self, call: Callable[[], _Result]) -> _Result:
        started = perf_counter()
        try:
            return self._counting_errors(call)
        finally:
            self._metrics.seconds.observe(perf_counter() - started)

    def _counting_errors(self, call: Callable[[], _Result]) -> _Result:
        try:
            return call()
        except BucketStoreError:
            metrics.STORE_ERRORS.inc()
            raise
