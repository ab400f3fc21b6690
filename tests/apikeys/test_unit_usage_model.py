"""Usage by unit is what quotas count: over any use, in every store, written by two stewards."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
from redis import Redis

from apikeys.config_service import ConfigService
from apikeys.models import UnitUsage, UsageStep, UsageTotal
from apikeys.usage.rollup import UsageRollup
from apikeys.usage.steps import step_start
from ratelimit.periods import period_end
from ratelimit.stores import BucketStore, open_store
from tests.apikeys.usage_world import World
from tests.conftest import Clock
from tests.support.services import redis_url

pytestmark = pytest.mark.django_db

STEPS = 150


@pytest.fixture(params=["memory", "lmdb", pytest.param("redis", marks=pytest.mark.needs("redis"))])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[BucketStore]:
    prefix = f"test-{uuid4().hex}:"
    urls = {"memory": "memory://", "lmdb": f"lmdb://{tmp_path}/buckets", "redis": f"{redis_url()}?prefix={prefix}"}
    with closing(open_store(urls[request.param], clock, timeout=10)) as opened:
        yield opened
    if request.param == "redis":
        with closing(Redis.from_url(redis_url())) as client:
            client.delete(*client.scan_iter(match=f"*{prefix}*", count=1000))


def used_by_rows(world: World) -> Counter[tuple[bytes, int]]:
    """What the rows of minutes say of the periods of the quotas."""
    found: Counter[tuple[bytes, int]] = Counter()
    for row in UnitUsage.objects.filter(step="minute"):
        for counter, limit in world.limits.items():
            if limit.limit.unit == row.unit and limit.limit.quota is not None:
                ends_s = period_end(limit.limit.quota, None, int(row.start.timestamp()))
                found[counter, ends_s] += row.charged - row.returned
    return found


@pytest.mark.parametrize("seed", range(4))
def test_usage_of_each_period_is_what_its_quota_counted(
    store: BucketStore, service: ConfigService, clock: Clock, seed: int
) -> None:
    world = World(service.issue({"label": "x"}).key.key_id, store, clock, Random(seed))
    for _ in range(STEPS):
        world.act()
    UsageRollup(store).write_pending()
    used = Counter(world.used)
    assert +used_by_rows(world) == +used
    assert len(+used) > 10
    assert world.returned.total()
    minutes = {(row.unit, row.start): (row.charged, row.returned) for row in UnitUsage.objects.filter(step="minute")}
    for step in UsageStep:
        rows = UnitUsage.objects.filter(step=step)
        sums: dict[str, Counter[tuple[str, object]]] = {"charged": Counter(), "returned": Counter()}
        for (unit, minute), (charged, returned) in minutes.items():
            sums["charged"][unit, step_start(step, minute)] += charged
            sums["returned"][unit, step_start(step, minute)] += returned
        for which, expected in sums.items():
            assert {(row.unit, row.start): getattr(row, which) for row in rows} == dict(expected)
        totals: dict[str, Counter[str]] = {"charged": Counter(), "returned": Counter()}
        for row in rows:
            totals["charged"][row.unit] += row.charged
            totals["returned"][row.unit] += row.returned
        assert (+totals["charged"], +totals["returned"]) == (+world.charged, +world.returned)
        for total in UsageTotal.objects.filter(step=step):
            assert total.unit_rows == rows.filter(start=total.start).count()
