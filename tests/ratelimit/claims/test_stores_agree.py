"""Redis decides claims as the reference does, whatever is asked of both in whatever order."""

from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings

from ratelimit.claim import QuotaUse
from ratelimit.limit import Limit
from ratelimit.stores import MemoryStore, open_store
from tests.conftest import Clock
from tests.ratelimit.claims.steps import COUNTERS, KEYS, LIMITS, QUOTAS, Step, any_steps
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.needs("redis")


def fixed_limit(name: bytes) -> Limit:
    return LIMITS[COUNTERS.index(name) % len(LIMITS)]


def check_agreement(server: RedisServer, steps: list[tuple[int, Step]]) -> None:
    clock = Clock()
    reference = MemoryStore(clock)
    with server.client() as client:
        client.flushall()
    with closing(open_store(server.url, clock, timeout=5)) as store:
        for one in (reference, store):
            one.seed_quotas([QuotaUse(name, 5, clock.ns // 10**9 + 50, 0) for name in QUOTAS[1:]])
        for elapsed, step in steps:
            clock.ns += elapsed
            assert step(store, clock.ns) == step(reference, clock.ns)
        for key in KEYS:
            found, wanted = store.peek(key), reference.peek(key)
            assert (found.allowed, found.throttled, found.used_ns) == (wanted.allowed, wanted.throttled, wanted.used_ns)
        assert store.quota_uses(COUNTERS) == reference.quota_uses(COUNTERS)


OPTIONS = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@OPTIONS
@given(steps=any_steps())
def test_single_requests_with_limits_that_change(server: RedisServer, steps: list[tuple[int, Step]]) -> None:
    check_agreement(server, steps)


@OPTIONS
@given(steps=any_steps(requests=4, limit_of=fixed_limit))
def test_batches(server: RedisServer, steps: list[tuple[int, Step]]) -> None:
    check_agreement(server, steps)
