"""Quotas while Redis is down, and after it came back empty: nothing is granted twice beyond what no row had."""

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from tests.nodes.conftest import Nodes, StartNodes
from tests.support.redis_server import RedisServer, running
from tests.support.sold import Answers, Shop, check_all, quota, row_of
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.needs("redis"), pytest.mark.slow("runs several servers")]

PATIENT = "5000"  # a busy machine is no outage


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    one = RedisServer()
    with running(one):
        yield one


def on_fallback(nodes: Nodes) -> list[float]:
    return [server.metric(nodes.root, "bucket_store_on_fallback") for server in nodes.servers]


def test_redis_outage_and_change_meanwhile(start_nodes: StartNodes, redis: RedisServer) -> None:
    settings = {"BUCKET_STORE_TIMEOUT_MS": PATIENT, "DIRECTORY_STALE_SECONDS": "5"}
    nodes = start_nodes(redis=redis, BUCKET_STORE_FALLBACK="local", **settings)
    shop = Shop(nodes.servers[0].url, nodes.root)
    rate = {"name": "fast", "unit": "jobs", "rate": {"burst": 40, "per_seconds": 2_678_400}}
    keys = shop.sell("acme", [quota(300), rate], keys=3)
    assert check_all(nodes.ports, keys, requests=50).statuses == {204: 150}
    wait_until(lambda: row_of(nodes.servers[0]) == 150, "the row", seconds=30)

    redis.kill()
    outage = Answers()

    def is_used_up() -> bool:
        answers = check_all(nodes.ports, keys, requests=4)
        outage.add(answers)
        return set(answers.statuses) == {503}

    wait_until(is_used_up, "the fallback")
    # Each of both hosts grants a hundredth, whichever of its workers is asked.
    assert outage.passed == 6
    values = {"limits": [quota(200), rate]}
    changed = httpx.patch(f"{shop.url}/v1/plans/acme", json=values, headers={"X-API-Key": nodes.root}, timeout=30)
    assert changed.status_code == 200
    effective_by = datetime.fromisoformat(changed.headers["X-Latchkey-Effective-By"])
    assert set(check_all(nodes.ports, keys, requests=4).statuses) == {503}

    redis.start()
    wait_until(lambda: on_fallback(nodes) == [0, 0], "Redis again", seconds=30)
    wait_until(lambda: datetime.now(UTC) >= effective_by, "the time of the change", seconds=90)
    # Redis is empty. A request makes the quota known there, and then the hosts charge what they have granted.
    wait_until(lambda: check_all(nodes.ports, keys[:1], requests=1, connections=1).passed == 1, "a request", seconds=30)
    wait_until(lambda: shop.used("acme") == 157, "the charge", seconds=60)
    answers = check_all(nodes.ports, keys, requests=40)
    # A process that reaches Redis again only now refuses with 503.
    assert answers.passed == 43
    assert answers.statuses.keys() <= {204, 429, 503}
    assert answers.statuses[429] > 0
    assert shop.used("acme") == 200


def test_leases_pay_for_nothing_of_a_plan(start_nodes: StartNodes) -> None:
    nodes = start_nodes(TOKEN_LEASE="50", BUCKET_STORE_TIMEOUT_MS=PATIENT)
    shop = Shop(nodes.servers[0].url, nodes.root)
    values = {"label": "x", "owner": "late", "rate_limit": {"burst": 1000, "per_seconds": 2_678_400}}
    keys = [shop.call("POST", "/v1/keys", values)["credential"] for _ in range(3)]
    # Workers hold leased tokens when the owner gets its first plan.
    assert check_all(nodes.ports, keys, requests=100).statuses == {204: 300}
    shop.sell("late", [quota(300)], keys=0)
    spent = shop.used("late")
    answers = check_all(nodes.ports, keys, requests=300)
    answers.add(check_all(nodes.ports, keys, requests=5))
    assert answers.statuses[429] > 0
    assert set(answers.refused_by) == {("monthly",)}
    assert shop.used("late") == 300
    # A token that was leased before the change pays for at most one second more.
    assert answers.passed >= 300 - spent
    assert check_all(nodes.ports, keys, requests=5).statuses == {429: 15}
