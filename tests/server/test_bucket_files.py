"""Removed or damaged bucket file under a running server: at most one more bucket, an incident, no outage."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.conftest import StartServer
from tests.support.parallel import fire
from tests.support.server import RunningServer, issue
from tests.support.sold import Shop, check_all, quota, row_of
from tests.support.stores import EMBEDDED, chosen
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(chosen() != EMBEDDED, reason="the server's bucket store is no file")
BURST = 40


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> RunningServer:
    return start_server(workers=2)


@pytest.fixture(scope="module")
def root(server: RunningServer) -> Iterator[httpx.Client]:
    key = issue(server, "--label", "root", "--scope", "*", "--burst", "100000", "--per-seconds", "1")
    with httpx.Client(base_url=server.url, headers={"X-API-Key": key["credential"]}) as client:
        yield client


def passed(server: RunningServer, credential: str) -> int:
    """How many requests pass, of more than two buckets hold, on connections to all workers."""
    return fire(server.port, credential, connections=8, requests=BURST // 2, path="/v1/check")[204]


def reported(root: httpx.Client) -> list[str]:
    """What HealthChanged said of rebuilt files."""
    events = root.get("/v1/events?type=HealthChanged&limit=500").raise_for_status().json()["items"]
    return [event["data"]["detail"] for event in events if event["data"]["status"] == "degraded"]


def new_key(root: httpx.Client) -> str:
    limit = {"burst": BURST, "per_seconds": 2_678_400}
    return str(root.post("/v1/keys", json={"label": "x", "rate_limit": limit}).raise_for_status().json()["credential"])


def serves(root: httpx.Client) -> bool:
    """Whether each worker answers."""
    try:
        return all(root.get("/v1/whoami").status_code == 200 for _ in range(6))
    except httpx.TransportError:
        return False


def said_of_all(server: RunningServer, root: httpx.Client) -> bool:
    """Whether there is an incident that is younger than the last file that was rebuilt."""
    rebuilt = re.findall(r'"bucket_store_rebuilt".*"timestamp": "([^"]+)"', server.log)
    events = root.get("/v1/events?type=HealthChanged&limit=500").raise_for_status().json()["items"]
    return not rebuilt or max([event["at"] for event in events], default="") > rebuilt[-1]


@pytest.fixture(autouse=True)
def _settled(server: RunningServer, root: httpx.Client) -> None:
    """A worker looks once a second whether the file is still the one at its path, and the steward reports later: what
    the test before did is over when this one begins.
    """
    wait_until(lambda: said_of_all(server, root), "the incident of the test before", seconds=30)
    wait_until(lambda: passed(server, new_key(root)) == BURST, "one file for all workers")


def test_removed_file_allows_one_more_bucket(server: RunningServer, root: httpx.Client) -> None:
    credential = new_key(root)
    assert passed(server, credential) == BURST
    (server.data_dir / "buckets" / "data.mdb").unlink()
    more = 0

    def all_went_over() -> bool:
        nonlocal more
        more += passed(server, credential)
        return more >= BURST

    wait_until(all_went_over, "another bucket file")
    assert more + passed(server, credential) == BURST


ACTS: dict[str, Callable[[Path], Any]] = {
    "data removed": lambda path: (path / "data.mdb").unlink(),
    "lock removed": lambda path: (path / "lock.mdb").unlink(),
    "directory removed": shutil.rmtree,
    "data truncated": lambda path: os.truncate(path / "data.mdb", 0),
    "lock truncated": lambda path: os.truncate(path / "lock.mdb", 0),
}


@pytest.mark.slow("waits for the steward, which the act may end")
@pytest.mark.parametrize("act", sorted(ACTS))
def test_damage_opens_an_incident(server: RunningServer, root: httpx.Client, act: str) -> None:
    credential, before = new_key(root), reported(root)
    total = passed(server, credential)
    assert total == BURST
    ACTS[act](server.data_dir / "buckets")
    total += passed(server, credential)
    wait_until(lambda: serves(root), "the server")
    total += passed(server, credential)
    assert total <= 2 * BURST
    wait_until(lambda: len(reported(root)) > len(before), "the incident", seconds=30)
    assert "every bucket is full again" in reported(root)[-1]
    assert server.log.count("steward_ended") <= 2


@pytest.mark.slow("starts a server on a damaged file")
def test_start_with_damaged_file(start_server: StartServer) -> None:
    first = start_server(workers=2)
    credential = issue(first, "--label", "root", "--scope", "*", "--burst", "1000", "--per-seconds", "1")["credential"]
    assert first.stop() == 0
    data = first.data_dir / "buckets" / "data.mdb"
    with data.open("r+b") as file:
        file.write(os.urandom(16 * 4096))
    first.start()
    with httpx.Client(base_url=first.url, headers={"X-API-Key": credential}) as root:
        assert root.get("/v1/whoami").status_code == 200
        wait_until(lambda: reported(root), "the incident", seconds=30)
        wait_until(lambda: root.get("/health").json() == {"status": "degraded"}, "the incident in /health")
    assert "bucket_store_rebuilt" in first.log
    assert "steward_ended" not in first.log


def test_removed_file_gives_again_what_no_row_had(server: RunningServer, root: httpx.Client) -> None:
    """Workers go over to the new file within a second. What one of them still takes from the old one is lost too."""
    shop = Shop(server.url, root.headers["X-API-Key"])
    keys = shop.sell("acme", [quota(300)], keys=3)
    assert check_all([server.port], keys, requests=100).statuses == {204: 300}
    wait_until(lambda: row_of(server) == 300, "the row")
    before = server.log.count("bucket_store_rebuilt")
    (server.data_dir / "buckets" / "data.mdb").unlink()

    def all_went_over() -> bool:
        assert set(check_all([server.port], keys, requests=4, connections=8).statuses) == {429}
        return server.log.count("bucket_store_rebuilt") > before

    wait_until(all_went_over, "another bucket file")
    assert check_all([server.port], keys, requests=20, connections=8).statuses == {429: 60}
