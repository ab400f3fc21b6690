"""Limits of plans over several workers: exact, and changed for the next request of every worker."""

import json
import math
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import httpx
import pytest

from tests.server.conftest import StartServer
from tests.server.test_exactness import wait_for_workers
from tests.support.server import RunningServer, issue
from tests.support.sold import Answers, Shop, check_all, key_id, quota
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def shop(server: RunningServer, root: str) -> Shop:
    return Shop(server.url, root)


@pytest.mark.slow("sends 5,000 requests")
def test_shared_quota_admits_exactly_its_amount(server: RunningServer, shop: Shop, root: str) -> None:
    keys = shop.sell("exact", [quota(1000)], keys=50, burst=100)
    throttled = server.metric(root, "api_rate_limit_throttled_total")
    began = time.time()
    answers = check_all([server.port], keys, requests=100)
    over = time.time()
    assert answers.statuses == {204: 1000, 429: 4000}
    assert set(answers.refused_by) == {("monthly",)}
    assert server.metric(root, "api_rate_limit_throttled_total") - throttled == 4000
    state = shop.limits("owners/exact")["monthly"]
    assert (state["used"], state["remaining"]) == (1000, 0)
    ends = datetime.fromisoformat(state["resets_at"]).timestamp()
    assert {min(answers.waits), max(answers.waits)} <= set(range(math.floor(ends - over), math.ceil(ends - began) + 1))
    spent = [shop.limits(f"keys/{key_id(key)}")["key"]["used"] for key in keys]
    assert sum(spent) == 1000, "the keys' own limits have lost nothing for what was refused"


def test_denials_and_events_have_no_secrets(server: RunningServer, shop: Shop) -> None:
    (key,) = shop.sell("quiet", [quota(1)])
    assert check_all([server.port], [key], requests=4, connections=4).statuses == {204: 1, 429: 3}
    shop.call("POST", "/v1/owners/quiet/limits/monthly/adjust", {"add": -1, "reason": "goodwill"})
    assert check_all([server.port], [key], requests=4, connections=4).statuses == {204: 1, 429: 3}
    secret = key.partition(":")[2]
    events = shop.call("GET", "/v1/events?limit=100")["items"]
    assert {"PlanCreated", "OwnerCreated", "LimitAdjusted"} <= {event["type"] for event in events}
    metrics = httpx.get(f"{server.url}/metrics", headers={"X-API-Key": shop.root}).text
    for text in (server.log, json.dumps(events), metrics):
        assert secret not in text
    for name in ("quiet", "monthly", key_id(key)):
        assert name not in metrics, "a metric has no key, owner or limit as a label"


def everywhere(server: RunningServer, credential: str) -> Answers:
    """What 32 requests on connections of their own get: every worker answers some."""
    return check_all([server.port], [credential], requests=32, connections=32)


def test_owners_first_plan_applies_to_next_request(server: RunningServer, shop: Shop, root: str) -> None:
    values = {"label": "sold", "owner": "late", "rate_limit": None}
    key = shop.call("POST", "/v1/keys", values)["credential"]
    assert everywhere(server, key).statuses == {204: 32}
    shop.sell("late", [quota(5)], keys=0)
    assert everywhere(server, key).statuses == {204: 5, 429: 27}


def test_changes_apply_to_next_request(server: RunningServer, shop: Shop) -> None:
    (key,) = shop.sell("changing", [quota(1000)])
    assert everywhere(server, key).statuses == {204: 32}

    shop.call("PATCH", "/v1/plans/changing", {"limits": [quota(32)]})
    assert everywhere(server, key).statuses == {429: 32}
    shop.call("PATCH", "/v1/plans/changing", {"limits": [quota(40)]})
    assert everywhere(server, key).statuses == {204: 8, 429: 24}

    granted = {"owner": "changing", "limit": "monthly", "quota": 50, "until": "2099-01-01T00:00:00Z"}
    override = shop.call("POST", "/v1/overrides", granted)["id"]
    assert everywhere(server, key).statuses == {204: 10, 429: 22}
    shop.call("PATCH", "/v1/plans/changing", {"limits": [quota(1000)]})
    assert everywhere(server, key).statuses == {429: 32}, "the override goes on"
    shop.call("DELETE", f"/v1/overrides/{override}")
    assert everywhere(server, key).statuses == {204: 32}

    shop.call("POST", "/v1/plans", {"name": "smaller", "limits": [quota(90)]})
    shop.call("PATCH", "/v1/owners/changing", {"plan": "smaller"})
    assert everywhere(server, key).statuses == {204: 8, 429: 24}, "what was used of the same limit stays used"
    shop.call("PATCH", "/v1/owners/changing", {"plan": None})
    assert everywhere(server, key).statuses == {204: 32}
    shop.call("PATCH", "/v1/owners/changing", {"plan": "smaller"})
    assert everywhere(server, key).statuses == {429: 32}


def test_changes_by_commands_apply_to_next_request(server: RunningServer, shop: Shop) -> None:
    (key,) = shop.sell("commanded", [quota(1000)])
    assert everywhere(server, key).statuses == {204: 32}
    file = server.data_dir / "plan.json"
    file.write_text(json.dumps({"limits": [quota(32)]}))
    server.manage("set_plan", "commanded", str(file))
    assert everywhere(server, key).statuses == {429: 32}
    server.manage("set_owner", "commanded", "--no-plan")
    assert everywhere(server, key).statuses == {204: 32}


def test_parallel_changes_grant_nothing_twice(server: RunningServer, shop: Shop) -> None:
    """The plan changes all the time while its keys ask, and its quota stays the same."""
    keys = shop.sell("restless", [quota(200)], keys=4)
    over = threading.Event()

    def change() -> int:
        number = 0
        while not over.is_set():
            number += 1
            fast = {"name": f"fast{number % 3}", "rate": {"burst": 10_000, "per_seconds": 1}}
            shop.call("PATCH", "/v1/plans/restless", {"limits": [quota(200), fast]})
        return number

    with ThreadPoolExecutor(1) as pool:
        changing = pool.submit(change)
        try:
            answers = check_all([server.port], keys, requests=150)
        finally:
            over.set()
        assert changing.result() > 3
    # With so many changes that a request meets several, the answer is an error of the service, and nothing is taken.
    assert set(answers.statuses) <= {204, 429, 503}
    assert answers.passed == 200 == shop.used("restless")


@pytest.mark.slow("runs several servers")
def test_killed_workers_exceed_no_quota(start_server: StartServer) -> None:
    server = start_server()
    shop = Shop(server.url, issue(server, "--label", "root", "--scope", "*", "--unlimited")["credential"])
    for owner in ("first", "second"):
        kill_under_load(server, shop, owner)


def kill_under_load(server: RunningServer, shop: Shop, owner: str) -> None:
    keys = shop.sell(owner, [quota(200)], keys=5)
    with ThreadPoolExecutor(1) as pool:
        checking = pool.submit(check_all, [server.port], keys, requests=120)
        wait_until(lambda: shop.used(owner) > 20, "the first requests")
        for pid in server.worker_pids()[:3]:
            os.kill(pid, signal.SIGKILL)
        answers = checking.result()
    assert sum(answers.statuses.values()) == 600
    assert 200 - answers.statuses[0] <= answers.passed <= 200
    assert set(answers.statuses) <= {204, 429, 0}
    wait_for_workers(server, 4)
    assert shop.used(owner) == 200
    assert check_all([server.port], keys, requests=4).statuses == {429: 20}


def test_plan_that_is_deleted_after_its_keys_left_it(server: RunningServer, shop: Shop) -> None:
    """Workers still have the key in memory as it was under the plan."""
    own = {**quota(1000, "own"), "shared": "key"}
    for name in ("leaving", "staying"):
        shop.call("POST", "/v1/plans", {"name": name, "limits": [own]})
    key = shop.call("POST", "/v1/keys", {"label": "x", "plan": "leaving", "rate_limit": None})["credential"]
    assert everywhere(server, key).statuses == {204: 32}
    shop.call("PATCH", f"/v1/keys/{key_id(key)}", {"plan": "staying"})
    shop.call("DELETE", "/v1/plans/leaving")
    assert everywhere(server, key).statuses == {204: 32}
    assert shop.limits(f"keys/{key_id(key)}")["own"]["used"] == 64
    shop.call("PATCH", f"/v1/keys/{key_id(key)}", {"plan": None})
    shop.call("DELETE", "/v1/plans/staying")
    assert everywhere(server, key).statuses == {204: 32}
