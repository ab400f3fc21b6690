"""Meter: how many requests pass, and how many more than a limit allows."""

from ratelimit.limit import Limit


class Meter:
    """Meter of the requests that pass, each of which costs a token of `limit`, in order of time starting at 0.

    `slack_ns` is how much later than its decision a request may pass.
    """

    # Debts are integers, in ticks, so that every figure is exact. The debt of a bucket that refills without bound is
    # what passed since the beginning, less the refill. The debt of a bucket that can be full is what passed in the
    # worst window, less the refill.
    def __init__(self, limit: Limit, slack_ns: int) -> None:
        self._limit = limit
        self._slack = slack_ns * limit.ticks
        self._at_ns = 0
        self._debt = 0
        self._largest_debt = 0
        self._largest_since_begin = 0
        self.passed = 0

    def passes(self, count: int, at_ns: int) -> None:
        """Record that `count` requests passed at that time."""
        if not count:
            return
        self._debt = max(0, self._debt - (at_ns - self._at_ns) * self._limit.ticks) + count * self._limit.price
        self._at_ns = at_ns
        self.passed += count
        self._largest_debt = max(self._largest_debt, self._debt)
        since_begin = self.passed * self._limit.price - at_ns * self._limit.ticks
        self._largest_since_begin = max(self._largest_since_begin, since_begin)

    @property
    def excess(self) -> float:
        """The tokens that passed beyond burst + elapsed x burst / per_seconds since the beginning; 0 if none."""
        return max(0, self._largest_since_begin - self._limit.capacity) / self._limit.price

    @property
    def window_excess(self) -> float:
        """The tokens that passed beyond the limit in any window, which is extended by `slack_ns`; 0 if none."""
        return max(0, self._largest_debt - self._limit.capacity - self._slack) / self._limit.price

    @property
    def peak(self) -> float:
        """The maximum that passed in any window, less its refill, in bursts: at most 1 without leases."""
        return self._largest_debt / self._limit.capacity
