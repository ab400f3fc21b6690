"""Candidates: the strategies of the `limits` library on its in-memory storage."""

from collections.abc import Sequence

from limits import RateLimitItemPerSecond  # type: ignore[import-not-found,unused-ignore]
from limits.storage import MemoryStorage  # type: ignore[import-not-found,unused-ignore]
from limits.strategies import (  # type: ignore[import-not-found,unused-ignore]
    FixedWindowRateLimiter,
    MovingWindowRateLimiter,
    RateLimiter,
)

from benchmarks.decision.candidate import Decide
from benchmarks.decision.quota import Quota


def fixed_window(quota: Quota, keys: Sequence[str]) -> Decide:
    return _decide(FixedWindowRateLimiter(MemoryStorage()), quota, keys)


def moving_window(quota: Quota, keys: Sequence[str]) -> Decide:
    return _decide(MovingWindowRateLimiter(MemoryStorage()), quota, keys)


def _decide(limiter: RateLimiter, quota: Quota, keys: Sequence[str]) -> Decide:
    hit = limiter.hit
    item = RateLimitItemPerSecond(quota.burst, quota.per_seconds)

    def decide(times: int) -> int:
        allowed = 0
        for _ in range(times):
            for key in keys:
                allowed += hit(item, key)
        return allowed

    return decide
