"""Candidate: Django REST framework's SimpleRateThrottle on Django's local-memory cache."""

from collections.abc import Sequence
from typing import Any

from django.core.cache import cache
from rest_framework.throttling import SimpleRateThrottle

from benchmarks.decision.candidate import Decide
from benchmarks.decision.quota import Quota


def simple_rate_throttle(quota: Quota, keys: Sequence[str]) -> Decide:
    """Return a function that decides with a new throttle object every time, because views create one per request."""

    class Throttle(SimpleRateThrottle):
        rate = f"{quota.burst}/{quota.letter}"

        def get_cache_key(self, request: Any, view: Any) -> str:
            return str(request)

    cache.clear()
    requests: Sequence[Any] = keys
    view: Any = None

    def decide(times: int) -> int:
        allowed = 0
        for _ in range(times):
            for request in requests:
                allowed += Throttle().allow_request(request, view)
        return allowed

    return decide
