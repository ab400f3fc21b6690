"""A change of a plan with 100,000 keys: one event, no key is written, and it applies to the next request."""

import re
import sqlite3
from contextlib import closing

import lmdb
import pytest

from tests.server.conftest import StartServer
from tests.support.server import RunningServer, issue
from tests.support.sold import Shop, check_all, key_id, quota
from tests.support.stores import EMBEDDED, chosen

pytestmark = [
    pytest.mark.skipif(chosen() != EMBEDDED, reason="it writes rows into SQLite's file"),
    pytest.mark.slow("writes 100,000 keys"),
]

KEYS = 100_000
FIELDS = "label, owner, scopes, rate_limit, plan_id, enabled, metadata, system, expiry_told, epoch, created_at"
COPY = f"""
WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?)
INSERT INTO apikeys_apikey (key_id, {FIELDS})
SELECT 'lk_' || printf('%012d', n), {FIELDS} FROM apikeys_apikey, numbers WHERE key_id = ?
"""
REFUSE = """
CREATE TRIGGER no_key_is_written BEFORE UPDATE ON apikeys_apikey
BEGIN SELECT RAISE(ABORT, 'a key was written'); END
"""


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> RunningServer:
    return start_server(workers=2)


@pytest.fixture(scope="module")
def shop(server: RunningServer) -> tuple[Shop, str]:
    """A shop with a key whose plan and owner 100,000 others have, and a database that refuses to write any of them."""
    root = issue(server, "--label", "root", "--scope", "*", "--unlimited")["credential"]
    shop = Shop(server.url, root)
    shop.sell("company", [quota(1_000_000)], keys=0)
    own = {**quota(1_000_000, "own"), "shared": "key"}
    shop.call("POST", "/v1/plans", {"name": "gold", "limits": [own]})
    values = {"label": "x", "owner": "company", "plan": "gold", "rate_limit": None}
    key: str = shop.call("POST", "/v1/keys", values)["credential"]
    with closing(sqlite3.connect(server.data_dir / "latchkey.sqlite3", isolation_level=None)) as file:
        file.create_function("REGEXP", 2, lambda pattern, text: re.search(pattern, text) is not None)
        file.execute(COPY, (KEYS - 1, key_id(key)))
        file.execute(REFUSE)
    return shop, key


def records(server: RunningServer) -> int:
    """How many records the bucket store has."""
    with lmdb.open(str(server.data_dir / "buckets"), readonly=True, map_size=1 << 30) as store:
        return int(store.stat()["entries"])


def event_types(shop: Shop) -> list[str]:
    """The types of all events, oldest first."""
    return [event["type"] for event in shop.call("GET", "/v1/events?limit=100")["items"]]


def test_change_of_plan_writes_no_key(server: RunningServer, shop: tuple[Shop, str]) -> None:
    sold, key = shop

    def passed() -> int:
        return check_all([server.port], [key], requests=32, connections=32).passed

    assert passed() == 32
    assert sold.limits(f"keys/{key_id(key)}")["own"]["limit"] == 1_000_000
    before, events = records(server), event_types(sold)
    own = {**quota(40, "own"), "shared": "key"}
    sold.call("PATCH", "/v1/plans/gold", {"limits": [own]})
    assert passed() == 8
    sold.call("PATCH", "/v1/plans/company", {"limits": [quota(40)]})
    sold.call("PATCH", "/v1/plans/gold", {"limits": [{**own, "mode": "observe"}]})
    assert passed() == 0, "the owner's quota is used up too"
    sold.call("PATCH", "/v1/owners/company", {"plan": None})
    assert passed() == 32
    assert records(server) == before
    assert event_types(sold) == [*events, "PlanChanged", "PlanChanged", "PlanChanged", "OwnerChanged"]
