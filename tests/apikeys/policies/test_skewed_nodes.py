"""A quota at the end of its period, for nodes whose clocks differ from the store's and from each other's."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import redis

from apikeys.cache.records import KeyRecord, read_records
from apikeys.config_service import ConfigService
from apikeys.plan_claims import MAX_ROUNDS, PlanClaims
from apikeys.policies.policies import Policies
from apikeys.policies.service import PolicyService
from ratelimit.claim import Undecided
from ratelimit.costs import ONE
from ratelimit.limiter import Limiter
from ratelimit.stores import open_store
from tests.conftest import Clock
from tests.support.services import redis_url

pytestmark = pytest.mark.django_db(transaction=True)

SKEWS = (-120, 0, 120)
NEW_YORK = ZoneInfo("America/New_York")
QUOTA = 7
# More than the quota in each period, and as many steps within the clocks' difference as around it.
STEP_SECONDS = 20
AROUND_SECONDS = 600


@pytest.fixture(params=["memory", "lmdb", pytest.param("redis", marks=pytest.mark.needs("redis"))])
def store_urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param != "redis":
        yield "memory://" if request.param == "memory" else f"lmdb://{tmp_path / 'buckets'}"
        return
    prefix = f"test-{uuid4().hex}:"
    yield f"{redis_url()}?prefix={prefix}"
    with redis.Redis.from_url(redis_url()) as client:
        for name in client.scan_iter(match=f"*{prefix}*", count=1000):
            client.delete(name)


class Node:
    """A process that has a clock of its own, and takes from one store with all others."""

    def __init__(self, limiter: Limiter, now: Callable[[], float]) -> None:
        self.policies = Policies(limiter, now=now)
        self._limiter = limiter
        self._plan = PlanClaims(self.policies, limiter, now)

    def ask(self, record: KeyRecord) -> tuple[bool, int]:
        """Whether a request passes, and the end of the period that it was counted in."""
        now_s = None
        for _ in range(MAX_ROUNDS):
            resolved = self._plan.of(record, ONE, now_s)
            assert resolved is not None
            try:
                decision = self._limiter.take(
                    record.auth.key_id,
                    None,
                    cost=1,
                    epoch=record.epoch,
                    slot=0,
                    claims=resolved.claims,
                    policy=self.policies.number,
                )
            except Undecided as reason:
                now_s = self._plan.prepare(reason, record)
            else:
                self._plan.completed(decision, resolved)
                return decision.allowed, decision.states[0].ends_s
        raise AssertionError("it was never decided")


@pytest.fixture
def limiter(store_urls: str, clock: Clock) -> Iterator[Limiter]:
    store = open_store(store_urls, clock, timeout=10)
    yield Limiter(store)
    store.close()


def at(year: int, month: int, day: int) -> int:
    """Local midnight in New York."""
    return int(datetime(year, month, day, tzinfo=NEW_YORK).timestamp())


ENDS = {
    # (per, end of the period, end of the next one)
    "before summer time": ("day", at(2027, 3, 14), at(2027, 3, 15)),
    "after 23 hours": ("day", at(2027, 3, 15), at(2027, 3, 16)),
    "after 25 hours": ("day", at(2027, 11, 8), at(2027, 11, 9)),
    "month with summer time": ("month", at(2027, 4, 1), at(2027, 5, 1)),
    "leap year": ("month", at(2028, 3, 1), at(2028, 4, 1)),
    "week": ("week", at(2027, 11, 8), at(2027, 11, 15)),
}


@pytest.mark.parametrize(("per", "end", "next_end"), ENDS.values(), ids=ENDS)
def test_period_starts_once_for_all_nodes(
    limiter: Limiter,
    policies_service: PolicyService,
    keys: ConfigService,
    clock: Clock,
    per: str,
    end: int,
    next_end: int,
) -> None:
    clock.ns = (end - AROUND_SECONDS) * 10**9
    record = sold(policies_service, keys, {"per": per, "timezone": "America/New_York"})
    nodes = [Node(limiter, lambda skew=skew: clock.seconds() + skew) for skew in SKEWS]  # type: ignore[misc]
    passed: Counter[tuple[int, int]] = Counter()
    while clock.seconds() < end + AROUND_SECONDS:
        in_period = end if clock.seconds() < end else next_end
        for node in nodes:
            allowed, ends_s = node.ask(record)
            assert ends_s == in_period, "the store's clock says which period is open"
            passed[(in_period, ends_s)] += allowed
        clock.move(STEP_SECONDS)
    assert passed == {(end, end): QUOTA, (next_end, next_end): QUOTA}


def sold(policies: PolicyService, keys: ConfigService, quota: dict[str, Any]) -> KeyRecord:
    """A key of an owner whose plan has a shared quota."""
    limits = [{"name": "shared", "shared": "owner", "quota": {"quota": QUOTA, **quota}}]
    policies.create_plan({"name": "sold", "limits": limits})
    policies.create_owner({"name": "ACME", "plan": "sold"})
    key = keys.issue({"label": "x", "owner": "ACME", "rate_limit": None}).key
    return read_records([key.key_id])[key.key_id]


def test_clock_that_steps_back_starts_no_period_again(
    limiter: Limiter, policies_service: PolicyService, keys: ConfigService, clock: Clock
) -> None:
    """Of the store, as after a Redis on another host took over."""
    end = at(2027, 3, 15)
    clock.ns = (end - AROUND_SECONDS) * 10**9
    record = sold(policies_service, keys, {"per": "day", "timezone": "America/New_York"})
    nodes = [Node(limiter, lambda skew=skew: clock.seconds() + skew) for skew in SKEWS]  # type: ignore[misc]
    passed: Counter[int] = Counter()
    for seconds in (0, AROUND_SECONDS + 60, -120, 120, -120, 240):
        clock.move(seconds)
        for node in nodes * QUOTA:
            allowed, ends_s = node.ask(record)
            passed[ends_s] += allowed
    assert passed == {end: QUOTA, at(2027, 3, 16): QUOTA}


def test_lost_store_at_the_end_of_a_period(
    limiter: Limiter, policies_service: PolicyService, keys: ConfigService, clock: Clock
) -> None:
    """The store loses its counter within the clocks' difference: what the database has of a period is not lost, and
    no node begins the next period early.
    """
    end, next_end = at(2027, 3, 15), at(2027, 3, 16)
    clock.ns = (end - AROUND_SECONDS) * 10**9
    record = sold(policies_service, keys, {"per": "day", "timezone": "America/New_York"})
    nodes = [Node(limiter, lambda skew=skew: clock.seconds() + skew) for skew in SKEWS]  # type: ignore[misc]
    assert [node.ask(record)[0] for node in nodes] == [True] * 3
    for node in nodes:
        node.policies.writer.write(everything=True)
    counter = nodes[0].policies.limits_of(record)[0].counter
    clock.ns = (end - 60) * 10**9
    limiter.store.forget(counter)
    passed: Counter[int] = Counter({end: 3})
    for node in reversed(nodes * 3):
        allowed, ends_s = node.ask(record)
        passed[ends_s] += allowed
    assert passed == {end: QUOTA}
    clock.ns = (end + 60) * 10**9
    for node in nodes * 3:
        allowed, ends_s = node.ask(record)
        passed[ends_s] += allowed
    assert passed == {end: QUOTA, next_end: QUOTA}


def test_first_use_by_a_node_that_is_ahead(
    limiter: Limiter, policies_service: PolicyService, keys: ConfigService, clock: Clock
) -> None:
    end, next_end = at(2027, 3, 15), at(2027, 3, 16)
    clock.ns = (end - 60) * 10**9
    record = sold(policies_service, keys, {"per": "day", "timezone": "America/New_York"})
    nodes = [Node(limiter, lambda skew=skew: clock.seconds() + skew) for skew in reversed(SKEWS)]  # type: ignore[misc]
    passed: Counter[int] = Counter()
    for moment in (end - 60, end + 60, end + 3600):
        clock.ns = moment * 10**9
        for node in nodes * QUOTA:
            allowed, ends_s = node.ask(record)
            passed[ends_s] += allowed
    assert passed == {end: QUOTA, next_end: QUOTA}
