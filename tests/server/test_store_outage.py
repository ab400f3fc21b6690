"""Redis outage under running nodes: reported immediately, no request is denied, and every request is counted."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.conftest import StartServer
from tests.support.migrated import migrated_database
from tests.support.parallel import fire
from tests.support.postgresql import drop_database, new_database
from tests.support.redis_server import RedisServer, running
from tests.support.server import RunningServer, issue
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.needs("redis"),
    pytest.mark.needs("postgresql"),
    pytest.mark.slow("waits for outages to be noticed"),
]
REPORTED_SECONDS = 3.0  # about 0.4 on an idle machine
CLOSED_SECONDS = 5.0
WRITTEN_SECONDS = 30.0


class Nodes:
    """Two nodes on one database and one Redis; the first has the steward. `sent` is what their clients saw."""

    def __init__(self, servers: list[RunningServer], redis: RedisServer) -> None:
        self.servers = servers
        self.redis = redis
        common = ("--scope", "*", "--burst", "100000", "--per-seconds", "1")
        self.root = issue(servers[0], "--label", "root", *common)["credential"]
        self.key = issue(servers[0], "--label", "busy", *common)
        self.sent = Counter[int]()

    def get(self, path: str, node: int = 0, **parameters: Any) -> Any:
        headers = {"X-API-Key": self.root}
        return (
            httpx.get(f"{self.servers[node].url}{path}", headers=headers, params=parameters).raise_for_status().json()
        )

    def traffic(self) -> None:
        """Call all endpoints of both nodes."""
        for server in self.servers:
            for path in ("/v1/whoami", "/v1/check"):
                self.sent += fire(server.port, self.key["credential"], connections=4, requests=15, path=path)

    def reported(self) -> list[tuple[str, datetime]]:
        """Return the HealthChanged events of the bucket store: status and time."""
        events = self.get("/v1/events", type="HealthChanged")["items"]
        return [
            (event["data"]["status"], datetime.fromisoformat(event["at"]))
            for event in events
            if event["data"]["component"] == "bucket_store"
        ]

    def wait_for(self, count: int) -> datetime:
        """Wait for `count` events. Return the time of the last one."""
        deadline = time.monotonic() + 2 * CLOSED_SECONDS
        while len(found := self.reported()) < count:
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        assert [status for status, _ in found] == ["degraded", "ok"] * (count // 2) + ["degraded"] * (count % 2)
        return found[-1][1]

    def breach(self) -> tuple[int, bool]:
        """How many nodes are cut off, and whether the detail says two."""
        found = [rail for rail in self.get("/health/full")["guard_rails"] if rail["name"] == "bucket_store"]
        return (found[0]["count"], "2 nodes" in found[0]["detail"]) if found else (0, False)

    def written(self) -> int:
        """Requests of the busy key in the rows of use."""
        rows = self.get(f"/v1/keys/{self.key['key_id']}/usage", step="minute")
        assert sum(row["throttled"] for row in rows) == 0
        return sum(row["allowed"] for row in rows)


@pytest.fixture
def nodes(start_server: StartServer, tmp_path: Path) -> Iterator[Nodes]:
    """Redis keeps what it has on disk, so that what the nodes count is not lost with it."""
    redis, database = RedisServer(("--appendonly", "yes")), new_database(migrated_database())
    settings = {"DATABASE_URL": database, "BUCKET_STORE_URL": redis.url, "BUCKET_STORE_TIMEOUT_MS": "200"}
    with running(redis):
        servers = [
            start_server(workers=2, settings=settings, arguments=arguments) for arguments in ((), ("--no-steward",))
        ]
        yield Nodes(servers, redis)
        for server in servers:
            server.stop()
        drop_database(database)


def test_outage_is_reported_and_loses_no_counts(nodes: Nodes) -> None:
    for outage in (1, 2):
        nodes.traffic()
        killed = datetime.now(UTC)
        nodes.redis.kill()
        assert (nodes.wait_for(2 * outage - 1) - killed).total_seconds() < REPORTED_SECONDS
        nodes.traffic()
        wait_until(lambda: nodes.breach() == (2, True), "the second node's word")
        for node in (0, 1):
            limits = nodes.get("/health/full", node)["rate_limit"]
            assert (limits["fallback"], limits["on_fallback"]) == ("local", True)
        returned = datetime.now(UTC)
        nodes.redis.start()
        assert (nodes.wait_for(2 * outage) - returned).total_seconds() < CLOSED_SECONDS
        nodes.traffic()
    assert nodes.get("/health/full")["rate_limit"]["on_fallback"] is False
    assert set(nodes.sent) == {200, 204}
    deadline = time.monotonic() + WRITTEN_SECONDS
    while nodes.written() < nodes.sent.total() and time.monotonic() < deadline:
        time.sleep(0.5)
    assert nodes.written() == nodes.sent.total()
