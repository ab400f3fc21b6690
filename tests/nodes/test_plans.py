"""Limits of plans over several hosts: exact, changed for the next request of every node, and kept when Redis is lost."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.nodes.conftest import Nodes, StartNodes
from tests.support.sold import Answers, Shop, check_all, key_id, quota, row_of
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.needs("redis"), pytest.mark.slow("runs several servers")]

STEWARD_SECONDS = 120.0
"""The steward looks at quotas each minute."""


@pytest.fixture(scope="module")
def nodes(start_nodes: StartNodes) -> Nodes:
    return start_nodes(BUCKET_STORE_TIMEOUT_MS="5000")  # a busy machine is no outage


@pytest.fixture(scope="module")
def shop(nodes: Nodes) -> Shop:
    return Shop(nodes.servers[0].url, nodes.root)


def test_shared_quota_admits_exactly_its_amount(nodes: Nodes, shop: Shop) -> None:
    keys = shop.sell("exact", [quota(1000)], keys=50, burst=100)
    answers = check_all(nodes.ports, keys, requests=100)
    assert answers.statuses == {204: 1000, 429: 4000}
    assert set(answers.refused_by) == {("monthly",)}
    assert shop.used("exact") == 1000
    spent = [shop.limits(f"keys/{key_id(key)}")["key"]["used"] for key in keys]
    assert sum(spent) == 1000, "the keys' own limits have lost nothing for what was refused"


def everywhere(nodes: Nodes, credential: str) -> Answers:
    """What 32 requests on connections of their own get: every worker of every node answers some."""
    return check_all(nodes.ports, [credential], requests=32, connections=32)


def test_changes_apply_to_next_request_of_other_nodes(nodes: Nodes, shop: Shop) -> None:
    (key,) = shop.sell("changing", [quota(1000)])
    assert everywhere(nodes, key).statuses == {204: 32}
    shop.call("PATCH", "/v1/plans/changing", {"limits": [quota(40)]})
    assert everywhere(nodes, key).statuses == {204: 8, 429: 24}
    granted = {"owner": "changing", "limit": "monthly", "quota": 50, "until": "2099-01-01T00:00:00Z"}
    override = shop.call("POST", "/v1/overrides", granted)["id"]
    assert everywhere(nodes, key).statuses == {204: 10, 429: 22}
    shop.call("DELETE", f"/v1/overrides/{override}")
    assert everywhere(nodes, key).statuses == {429: 32}
    shop.call("PATCH", "/v1/owners/changing", {"plan": None})
    assert everywhere(nodes, key).statuses == {204: 32}
    shop.call("PATCH", "/v1/owners/changing", {"plan": "changing"})
    assert everywhere(nodes, key).statuses == {429: 32}


def test_flushed_redis_gives_again_what_no_row_had(nodes: Nodes, shop: Shop) -> None:
    keys = shop.sell("flushed", [quota(300, "flushed")], keys=3)
    passed = check_all(nodes.ports, keys, requests=50).passed
    wait_until(lambda: row_of(nodes.servers[0], "flushed") == 150, "the row", seconds=30)
    passed += check_all(nodes.ports, keys, requests=10).passed
    assert passed == 180
    with nodes.redis.client() as client:
        client.flushall()
    known = row_of(nodes.servers[0], "flushed")
    assert 150 <= known <= 180
    answers = check_all(nodes.ports, keys, requests=100)
    assert answers.statuses == {204: 300 - known, 429: known}
    shop.call("PATCH", "/v1/plans/flushed", {"limits": [quota(310, "flushed")]})
    assert check_all(nodes.ports, keys, requests=10).passed == 10, "a change applies to an emptied store too"


def test_redis_that_went_back_is_lifted(nodes: Nodes, shop: Shop) -> None:
    """As when a replica takes over that lags behind."""
    keys = shop.sell("lagging", [quota(300, "lagging")], keys=3)
    assert check_all(nodes.ports, keys, requests=30).passed == 90
    with nodes.redis.client() as client:
        names = [name for name in client.scan_iter(count=1000) if b"lagging" in name]
        older = {name: client.dump(name) for name in names}
        assert len(older) == 1
        assert check_all(nodes.ports, keys, requests=30).passed == 90
        wait_until(lambda: row_of(nodes.servers[0], "lagging") == 180, "the row", seconds=30)
        for name, content in older.items():
            assert content is not None
            client.restore(name, 0, content, replace=True)
    assert shop.used("lagging", "lagging") == 90
    wait_until(lambda: shop.used("lagging", "lagging") == 180, "the steward", seconds=STEWARD_SECONDS)
    assert check_all(nodes.ports, keys, requests=60).statuses == {204: 120, 429: 60}


def test_adjusted_quota_is_not_lifted(nodes: Nodes, shop: Shop) -> None:
    """An adjustment is newer than any row of before, also if a node writes that row afterwards."""
    keys = shop.sell("adjusted", [quota(300, "adjusted")], keys=3)
    assert check_all(nodes.ports, keys, requests=100).passed == 300
    shop.call("POST", "/v1/owners/adjusted/limits/adjusted/adjust", {"used": 200, "reason": "goodwill"})
    assert check_all(nodes.ports, keys, requests=10).passed == 30
    with nodes.redis.client() as client:
        client.flushall()
    known = row_of(nodes.servers[0], "adjusted")
    assert 200 <= known <= 230
    assert check_all(nodes.ports, keys, requests=50).passed == 300 - known


def test_killed_node_exceeds_no_quota(start_nodes: StartNodes) -> None:
    nodes = start_nodes(BUCKET_STORE_TIMEOUT_MS="5000")
    shop = Shop(nodes.servers[0].url, nodes.root)
    keys = shop.sell("acme", [quota(200)], keys=5)
    victim = nodes.servers[1]
    with ThreadPoolExecutor(1) as pool:
        checking = pool.submit(check_all, nodes.ports, keys, requests=100)
        wait_until(lambda: shop.used("acme") > 20, "the first requests")
        victim.stop(signal.SIGKILL)
        answers = checking.result()
    assert 200 - answers.statuses[0] <= answers.passed <= 200
    victim.start()
    answers.add(check_all(nodes.ports, keys, requests=100))
    assert set(answers.statuses) <= {0, 204, 429}
    assert answers.passed <= 200 == shop.used("acme")
