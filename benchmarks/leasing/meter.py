"""How much passes, and by how much more than a limit says."""

from ratelimit.limit import Limit


class Meter:
    """Sees requests that pass, each costing a token of `limit`, in order of time from 0 on. `slack_ns` is by how much
    later than it was decided a request may pass.

    Debts are in ticks, so that every figure is exact. That of a bucket which never stops filling is what passed since
    the beginning, less what was refilled; that of one which is full at times is what passed in the worst window.
    """

    def __init__(self, limit: Limit, slack_ns: int) -> None:
        self._limit = limit
        self._slack = slack_ns * limit.ticks
        self._at_ns = 0
        self._debt = 0
        self._largest_debt = 0
        self._largest_since_begin = 0
        self.passed = 0

    def passes(self, count: int, at_ns: int) -> None:
        """So many requests passed."""
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
        """By how many tokens more passed than burst + elapsed x burst / per_seconds since the beginning; 0 for none."""
        return max(0, self._largest_since_begin - self._limit.capacity) / self._limit.price

    @property
    def window_excess(self) -> float:
        """As `excess` in any window at all, of which `slack_ns` is a part; 0 for none."""
        return max(0, self._largest_debt - self._limit.capacity - self._slack) / self._limit.price

    @property
    def peak(self) -> float:
        """The most that passed in a window, less what refills in it, in bursts: 1 where a bucket decides by itself."""
        return self._largest_debt / self._limit.capacity
