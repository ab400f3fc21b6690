"""Metrics that one thread gathers and tells together: to tell each by itself costs more than a decision."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Protocol

from prometheus_client import Counter, Histogram


class Counts(Protocol):
    """What counts events."""

    def inc(self, amount: float = 1) -> None:
        """Counts `amount` more."""


class Observes(Protocol):
    """What looks at sizes."""

    def observe(self, amount: float) -> None:
        """Notes one of `amount`."""


class PendingCounter:
    """Counts for a counter until `tell`."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._pending = 0.0

    def inc(self, amount: float = 1) -> None:
        """Counts `amount` more."""
        self._pending += amount

    def tell(self) -> None:
        """Tells the counter what it does not know yet."""
        pending, self._pending = self._pending, 0.0
        if pending:
            self._counter.inc(pending)


class PendingHistogram:
    """Observes for a histogram without labels, whose bounds are `bounds` and infinity, until `tell`."""

    def __init__(self, histogram: Histogram, bounds: Sequence[float]) -> None:
        self._buckets = histogram._buckets
        self._sum = histogram._sum
        self._bounds = tuple(bounds)
        if len(self._buckets) != len(self._bounds) + 1:
            raise ValueError("the histogram has other bounds")
        self._counts: dict[int, int] = {}
        self._total = 0.0

    def observe(self, amount: float) -> None:
        """Notes one of `amount`."""
        bucket = bisect_left(self._bounds, amount)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self._total += amount

    def observe_between(self, least: float, most: float, times: int) -> None:
        """Observe `times` amounts, spread evenly from `least` to `most`; one is `most`."""
        bucket = bisect_left(self._bounds, most)
        if bucket == bisect_left(self._bounds, least):
            self._counts[bucket] = self._counts.get(bucket, 0) + times
            self._total += (least + most) / 2 * times
        else:
            for step in range(times):
                self.observe(most - (most - least) * step / max(times - 1, 1))

    def tell(self) -> None:
        """Tells the histogram what it does not know yet."""
        if self._counts:  # few of its buckets, as this is done after each turn of the event loop
            counts, self._counts = self._counts, {}
            for bucket, count in counts.items():
                self._buckets[bucket].inc(count)
            total, self._total = self._total, 0.0
            self._sum.inc(total)
