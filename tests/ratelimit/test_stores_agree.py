"""Redis decides what the reference decides, whatever is asked of it in whatever order, limits that change included."""

from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratelimit.bucket import TakeRequest
from ratelimit.limit import Limit
from ratelimit.stores import MemoryStore, open_store
from tests.conftest import Clock
from tests.ratelimit.test_bucket import LIMITS
from tests.support.services import redis_url

pytestmark = pytest.mark.needs("redis")

KEYS = (b"lk_0123456789ab", b"lk_0123456789ac")
FEW_LIMITS = st.lists(LIMITS | st.none(), min_size=1, max_size=3)
ELAPSED = st.integers(0, 10**12) | st.integers(-(10**13), 10**17)
STEPS = st.lists(
    st.tuples(
        ELAPSED, st.sampled_from(KEYS), st.integers(0, 2), st.integers(1, 110), st.integers(0, 3), st.integers(0, 1)
    ),
    min_size=1,
    max_size=25,
)


def cost_of(limit: Limit | None, percent: int) -> int:
    return max(1, (limit.burst if limit else 100) * percent // 100)


@settings(max_examples=150, deadline=None)
@given(limits=FEW_LIMITS, steps=STEPS)
def test_every_step_has_the_same_outcome(
    limits: list[Limit | None], steps: list[tuple[int, bytes, int, int, int, int]]
) -> None:
    clock = Clock()
    reference = MemoryStore(clock)
    store = open_store(f"{redis_url()}?prefix=latchkey-test-{uuid4().hex}:", clock)
    try:
        for elapsed, key, which, percent, epoch, slot in steps:
            clock.ns = max(10**18, clock.ns + elapsed)
            limit = limits[which % len(limits)]
            asked: TakeRequest = (key, limit, cost_of(limit, percent), epoch, slot, ())
            (found,), (wanted,) = store.take_many([asked]), reference.take_many([asked])
            assert found == wanted or str(found) == str(wanted)
        for key in KEYS:
            found_record, wanted_record = store.peek(key), reference.peek(key)
            for name in ("allowed", "throttled", "used_ns_0", "used_ns_1", "epoch"):
                assert getattr(found_record, name) == getattr(wanted_record, name)
    finally:
        for key in KEYS:
            store.forget(key)
        store.close()


def test_extreme_limits_are_exact() -> None:
    limit = Limit(999_983, 2_678_399)
    clock = Clock()
    reference, store = MemoryStore(clock), open_store(f"{redis_url()}?prefix=latchkey-test-{uuid4().hex}:", clock)
    for cost, ns in ((999_983, 0), (1, 0), (1, 2_678_444_539), (1, 1), (500_000, 10**15 * 2)):
        clock.ns += ns
        assert store.take(KEYS[0], limit, cost) == reference.take(KEYS[0], limit, cost)
    store.forget(KEYS[0])
    store.close()
