"""Type of the candidates: a limiter that is ready to decide."""

from collections.abc import Callable, Sequence

from benchmarks.decision.quota import Quota

Decide = Callable[[int], int]
"""Decides on every key so many times, in turn; returns how many requests it let through.

Each candidate writes its own loop, so that no wrapper of ours adds to a call that takes microseconds.
"""

Make = Callable[[Quota, Sequence[str]], Decide]
