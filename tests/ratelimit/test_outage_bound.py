"""What an outage of the shared store can cost: a bound on the tokens that are granted beyond the limit."""

from fractions import Fraction
from typing import Any, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.stores import MemoryStore
from ratelimit.stores.base import BucketStoreUnavailable
from ratelimit.stores.fallback import FallbackStore
from ratelimit.stores.fallback_mode import FallbackMode
from tests.conftest import Clock

KEY = b"lk_0123456789ab"


class _Primary(MemoryStore):
    """A Redis that may be away, without one."""

    away = False

    def take(self, *arguments: Any) -> Any:
        if self.away:
            raise BucketStoreUnavailable("away")
        return super().take(*arguments)

    def ping(self) -> None:
        if self.away:
            raise BucketStoreUnavailable("away")

    def shift_debt(self, key: bytes, limit: Limit, tokens: int) -> None:
        known = self.peek(key)
        debt = max(0, (known.tat_ns - self.now_ns()) * limit.ticks + known.fraction) + tokens * limit.price
        ahead, fraction = divmod(min(debt, limit.capacity), limit.ticks)
        self._records[key] = known._replace(
            tat_ns=self.now_ns() + ahead, fraction=fraction, limit_code=limit.code
        ).dump()


class _Local(MemoryStore):
    exists = True

    def refill(self, key: bytes) -> Any:
        known = self.peek(key)
        self.reset(key)
        return known

    def counter_names(self, _: bytes) -> list[bytes]:
        return []


class _AlwaysTries:
    closed = True

    def open(self, _: object) -> None: ...


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.builds(Limit, st.integers(1, 40), st.integers(1, 40)),
    hosts=st.integers(1, 3),
    before=st.integers(0, 60),
    during=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20 * 10**9), st.integers(1, 60)), max_size=15),
    after=st.lists(st.tuples(st.integers(0, 20 * 10**9), st.integers(1, 60)), max_size=8),
    loses_memory=st.booleans(),
)
def test_outage_grants_no_more_than_its_bound(
    limit: Limit, hosts: int, before: int, during: list[tuple[int, int, int]],
    after: list[tuple[int, int]], loses_memory: bool,
) -> None:  # fmt: skip
    """N buckets and the refill of N - 1 hosts, for an outage that cuts off all N hosts; at every moment."""
    clock = Clock()
    primary = _Primary(clock)
    stores = [
        FallbackStore(cast(Any, primary), cast(Any, _Local(clock)), FallbackMode.LOCAL, cast(Any, None))
        for _ in range(hosts)
    ]
    for store in stores:
        store.breaker = cast(Any, _AlwaysTries())
    start, passed, lost_ns = clock.ns, 0, 0

    def ask(host: int, requests: int) -> None:
        nonlocal passed
        passed += sum(stores[host].take(KEY, limit)[0] for _ in range(requests))
        refill = Fraction(limit.burst, limit.per_seconds * NS_PER_SECOND)
        usual = limit.burst + (clock.ns - start) * refill
        assert passed <= usual + hosts * limit.burst + (hosts - 1) * lost_ns * refill

    ask(0, before)
    primary.away = True
    for host, elapsed, requests in during:
        clock.ns += elapsed
        lost_ns += elapsed
        ask(host % hosts, requests)
    primary.away = False
    if loses_memory:
        primary._records.clear()
    clock.ns += 1_000_000_001
    lost_ns += 1_000_000_001
    for store in stores:
        assert store.reconcile()
    for elapsed, requests in after:
        clock.ns += elapsed
        ask(0, requests)


@settings(max_examples=60, deadline=None)
@given(
    limit=st.builds(Limit, st.integers(1, 40), st.integers(1, 40)),
    steps=st.lists(st.tuples(st.booleans(), st.integers(0, 20 * 10**9), st.integers(1, 60)), max_size=20),
)
def test_single_cut_off_host_grants_one_bucket(limit: Limit, steps: list[tuple[bool, int, int]]) -> None:
    clock = Clock()
    redis = _Primary(clock)
    cut_off = FallbackStore(cast(Any, redis), cast(Any, _Local(clock)), FallbackMode.LOCAL, cast(Any, None))
    cut_off.breaker = cast(Any, _AlwaysTries())
    start, passed = clock.ns, 0
    for alone, elapsed, requests in steps:
        clock.ns += elapsed
        redis.away = alone
        passed += sum((cut_off if alone else redis).take(KEY, limit, 1, 0, 0)[0] for _ in range(requests))
        refill = Fraction((clock.ns - start) * limit.burst, limit.per_seconds * NS_PER_SECOND)
        assert passed <= 2 * limit.burst + 2 * refill
