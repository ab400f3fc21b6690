"""Type of the candidates: a limiter that is ready to decide."""

from collections.abc import Callable, Sequence

from benchmarks.decision.quota import Quota

Decide = Callable[[int], int]
"""Function that decides the given number of requests for every key, in turn, and returns how many it allowed.

Every candidate has its own loop, because a wrapper would add to a call that takes microseconds.
"""

Make = Callable[[Quota, Sequence[str]], Decide]
