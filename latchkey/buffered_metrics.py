"""Buffered metrics: one thread collects values and flushes them together.

Updating a Prometheus metric for every value costs more than a rate limit decision.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Protocol


class CounterLike(Protocol):
    """Protocol of a counter."""

    def inc(self, amount: float = 1) -> None:
        """Add `amount` to the counter."""


class HistogramLike(Protocol):
    """Protocol of a histogram."""

    def observe(self, amount: float, count: int = 1) -> None:
        """Record `count` values of size `amount`."""


class BufferedCounter:
    """Counter that buffers increments until `flush` flushes them. A Prometheus counter with labels has to have them."""

    def __init__(self, counter: Any) -> None:
        # A private attribute of prometheus_client: its public `inc` checks the labels each time.
        self._value = counter._value
        self._pending = 0.0

    def inc(self, amount: float = 1) -> None:
        """Add `amount` to the buffer."""
        self._pending += amount

    def flush(self) -> bool:
        """Flush the buffer to the Prometheus counter. Return whether it had a value."""
        pending = self._pending
        if not pending:
            return False
        self._pending = 0.0
        self._value.inc(pending)
        return True


class UnbufferedHistogram:
    """Prometheus histogram with the interface of a BufferedHistogram, for rare values."""

    def __init__(self, histogram: Any) -> None:
        self._histogram = histogram

    def observe(self, amount: float, count: int = 1) -> None:
        """Record `count` values of size `amount`."""
        for _ in range(count):
            self._histogram.observe(amount)


class BufferedHistogram:
    """Histogram that buffers values until `flush` flushes them.

    The Prometheus histogram must have no labels, and its bucket bounds must be `bounds` and infinity. Raises
    ValueError if it has another number of buckets.
    """

    def __init__(self, histogram: Any, bounds: Sequence[float]) -> None:
        # Private attributes of prometheus_client: its public `observe` takes one value at a time.
        self._buckets = histogram._buckets
        self._sum = histogram._sum
        self._bounds = tuple(bounds)
        if len(self._buckets) != len(self._bounds) + 1:
            raise ValueError("the histogram has other bounds")
        self._counts: dict[int, int] = {}
        self._total = 0.0

    def observe(self, amount: float, count: int = 1) -> None:
        """Add `count` values of size `amount` to the buffer."""
        bucket = bisect_left(self._bounds, amount)
        self._counts[bucket] = self._counts.get(bucket, 0) + count
        self._total += amount * count

    def observe_evenly(self, low: float, high: float, count: int) -> None:
        """Add `count` values to the buffer, spread evenly from `low` to `high`. A single value is `high`."""
        bucket = bisect_left(self._bounds, high)
        # All values fall into the same bucket, so count them in one step.
        if low == high or bucket == bisect_left(self._bounds, low):
            self._counts[bucket] = self._counts.get(bucket, 0) + count
            self._total += (low + high) / 2 * count
        else:
            for step in range(count):
                self.observe(high - (high - low) * step / max(count - 1, 1))

    def flush(self) -> None:
        """Flush the buffer to the Prometheus histogram."""
        # Only a few of the histogram's buckets have values, because a flush follows every iteration of the event
        # loop.
        if self._counts:
            counts, self._counts = self._counts, {}
            for bucket, count in counts.items():
                self._buckets[bucket].inc(count)
            total, self._total = self._total, 0.0
            self._sum.inc(total)
