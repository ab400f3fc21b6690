"""Limits of plans over several workers: exact, and changed for the next request of every worker."""

import math
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from tests.server.conftest import StartServer
from tests.server.test_exactness import wait_for_workers
from tests.support.server import RunningServer, issue
from tests.support.sold import Shop, check_all, key_id, quota


@pytest.fixture(scope="module")
def shop(server: RunningServer, root: str) -> Shop:
    return Shop(server.url, root)


@pytest.mark.slow("sends 5,000 requests")
def test_shared_quota_admits_exactly_its_amount(server: RunningServer, shop: Shop) -> None:
    keys = shop.sell("exact", [quota(1000)], keys=50, burst=100)
    began = time.time()
    answers = check_all([server.port], keys, requests=100)
    over = time.time()
    assert answers.statuses == {204: 1000, 429: 4000}
    assert set(answers.refused_by) == {("monthly",)}
    state = shop.limits("owners/exact")["monthly"]
    assert (state["used"], state["remaining"]) == (1000, 0)
    ends = datetime.fromisoformat(state["resets_at"]).timestamp()
    assert {min(answers.waits), max(answers.waits)} <= set(range(math.floor(ends - over), math.ceil(ends - began) + 1))
    spent = [shop.limits(f"keys/{key_id(key)}")["key"]["used"] for key in keys]
    assert sum(spent) == 1000, "the keys' own limits have lost nothing for what was refused"
