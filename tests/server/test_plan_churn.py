"""Plans that are created, given, overridden, left and deleted while their keys ask: no request gets an error."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.server.conftest import StartServer
from tests.support.server import issue
from tests.support.sold import Answers, Shop, check_all, key_id, quota

pytestmark = pytest.mark.slow("changes plans 100 times under load")

ROUNDS = 8
MUCH = 10**9
PERIODS = ("day", "month", "once")


def churn(shop: Shop, key: str, owner: str, name: str) -> None:
    """Every change that there is, several times. Raises AssertionError if one fails."""
    for number in range(ROUNDS):
        plan, limit = f"{name}-{number}", f"own{number % 2}"
        own = {"name": limit, "quota": {"quota": MUCH, "per": PERIODS[number % 3]}}
        rate = {"name": "fast", "rate": {"burst": 10**6, "per_seconds": 1}}
        shop.call("POST", "/v1/plans", {"name": plan, "limits": [own, rate]})
        shop.call("PATCH", f"/v1/keys/{key}", {"plan": plan})
        other = {"burst": 10**5, "per_seconds": 1}
        until = "2099-01-01T00:00:00Z"
        shop.call("POST", "/v1/overrides", {"key_id": key, "limit": "fast", "rate": other, "until": until})
        shop.call("POST", f"/v1/keys/{key}/limits/{limit}/adjust", {"add": 1, "reason": "churn"})
        shop.call("PATCH", f"/v1/keys/{key}", {"plan": None})
        shop.call("DELETE", f"/v1/plans/{plan}")
        shop.call("PATCH", f"/v1/owners/{owner}", {"plan": (None, owner)[number % 2]})


def test_changes_cause_no_error(start_server: StartServer) -> None:
    server = start_server()
    shop = Shop(server.url, issue(server, "--label", "root", "--scope", "*", "--unlimited")["credential"])
    keys = shop.sell("acme", [quota(MUCH)], keys=6)
    over, answers = threading.Event(), Answers()

    def ask() -> None:
        while not over.is_set():
            answers.add(check_all([server.port], keys, requests=10, connections=6))

    with ThreadPoolExecutor(3) as pool:
        asking = pool.submit(ask)
        try:
            changes = [pool.submit(churn, shop, key_id(keys[at]), "acme", f"plan{at}") for at in range(2)]
            for change in changes:
                change.result()
        finally:
            over.set()
        asking.result()
    assert set(answers.statuses) == {204}
    assert "Traceback" not in server.log
