"""Candidates: throttled-py's GCRA in memory, through its public API and one layer below."""

from collections.abc import Sequence
from datetime import timedelta

from throttled import MemoryStore, Throttled  # type: ignore[import-not-found,unused-ignore]
from throttled.rate_limiter import per_duration  # type: ignore[import-not-found,unused-ignore]
from throttled.rate_limiter.gcra import GCRARateLimiter  # type: ignore[import-not-found,unused-ignore]

from benchmarks.decision.candidate import Decide
from benchmarks.decision.quota import Quota


def throttled(quota: Quota, keys: Sequence[str]) -> Decide:
    """Return a function that decides with `Throttled.limit`, the library's documented API."""
    allowance = per_duration(timedelta(seconds=quota.per_seconds), quota.burst)
    return _decide(Throttled(using="gcra", quota=allowance, store=MemoryStore()), keys)


def bare_limiter(quota: Quota, keys: Sequence[str]) -> Decide:
    """Return a function that decides with the limiter below it, without argument checks, waiting and hooks."""
    allowance = per_duration(timedelta(seconds=quota.per_seconds), quota.burst)
    return _decide(GCRARateLimiter(allowance, MemoryStore()), keys)


def _decide(limiter: Throttled | GCRARateLimiter, keys: Sequence[str]) -> Decide:
    limit = limiter.limit

    def decide(times: int) -> int:
        allowed = 0
        for _ in range(times):
            for key in keys:
                allowed += not limit(key).limited
        return allowed

    return decide
