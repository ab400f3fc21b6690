"""The record file of a running server: what one worker has read, the others have too, also after a restart."""

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from apikeys.cache.shared.record_file import RecordFile
from tests.server.conftest import StartServer
from tests.support.parallel import fire
from tests.support.server import RunningServer, issue
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow("starts servers")

KEYS = 32


@pytest.fixture
def server(start_server: StartServer) -> RunningServer:
    return start_server(workers=3)


@pytest.fixture
def root(server: RunningServer) -> str:
    credential: str = issue(server, "--label", "root", "--scope", "*", "--burst", "100000", "--per-seconds", "1")[
        "credential"
    ]
    return credential


def many(server: RunningServer, root: str) -> list[dict[str, Any]]:
    body = {"label": "x", "rate_limit": {"burst": 100000, "per_seconds": 1}}
    with httpx.Client(base_url=server.url, headers={"X-API-Key": root}) as client:
        return [client.post("/v1/keys", json=body).json() for _ in range(KEYS)]


def use(server: RunningServer, keys: list[dict[str, Any]], status: int = 204) -> None:
    """Uses each key on each worker, as the kernel deals connections out."""
    for key in keys:
        assert set(fire(server.port, key["credential"], connections=16, requests=2, path="/v1/check")) == {status}


def lookups(server: RunningServer, root: str) -> dict[str, float]:
    """How often each outcome was counted, by all workers, with any key."""
    found: list[tuple[str, str]] = []

    def scrape() -> bool:
        text = httpx.get(f"{server.url}/metrics", headers={"X-API-Key": root}, timeout=30).text
        found.extend(re.findall(r'^key_directory_lookups_total{outcome="(\w+)"} (\S+)$', text, re.MULTILINE))
        return bool(found)

    # A worker that has just started may refuse it, because it can't confirm the key yet.
    wait_until(scrape, "the metric")
    return {outcome: float(count) for outcome, count in found}


def has_records(server: RunningServer, keys: list[dict[str, Any]]) -> bool:
    file = RecordFile(server.data_dir / "records")
    file.open()
    return all(key["key_id"].encode() in file.read_page(key["key_id"]) for key in keys)


def warmed(server: RunningServer, root: str) -> list[dict[str, Any]]:
    """Keys that the file has: events about them have gone through the feed, and then they were used."""
    keys = many(server, root)

    def used() -> bool:
        use(server, keys)
        return has_records(server, keys)

    wait_until(used, "their records in the file")
    return keys


def test_restarted_server_reads_no_record(server: RunningServer, root: str) -> None:
    keys = warmed(server, root)
    assert server.stop() == 0
    server.start()
    wait_for_feed(server, keys, root)
    before = lookups(server, root)
    use(server, keys)
    after = lookups(server, root)
    assert after["loaded"] == before["loaded"]
    assert after["shared"] >= before["shared"] + len(keys)


def wait_for_feed(server: RunningServer, keys: list[dict[str, Any]], root: str) -> None:
    """Waits until all workers use the file: keys that none of them knows yet aren't loaded from the database."""

    def is_shared() -> bool:
        before = lookups(server, root)["loaded"]
        # Several, because the kernel may give a worker none of the connections.
        use(server, [keys.pop() for _ in range(4)])
        return lookups(server, root)["loaded"] == before

    # A server that was started again answers before all of its workers have started.
    wait_until(lambda: len(server.worker_pids()) == server.workers, "all workers")
    wait_until(is_shared, "the first answer of the feed in each worker")
    assert len(keys) >= KEYS // 4


def test_replaced_worker_reads_no_record(server: RunningServer, root: str) -> None:
    keys = warmed(server, root)
    killed = server.worker_pids()
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(set(server.worker_pids()) - set(killed)) == 3, "other workers", seconds=30)
    wait_for_feed(server, keys, root)
    before = lookups(server, root)
    use(server, keys)
    assert lookups(server, root)["loaded"] == before["loaded"]


def test_revoked_key_is_denied_on_next_request(server: RunningServer, root: str) -> None:
    keys = warmed(server, root)
    with httpx.Client(base_url=server.url, headers={"X-API-Key": root}) as client:
        for key in keys:
            assert client.delete(f"/v1/keys/{key['key_id']}").is_success
            use(server, [key], 401)


def cut(path: Path) -> None:
    os.truncate(path, 5000)


def fill_with_noise(path: Path) -> None:
    with path.open("r+b") as raw:
        while raw.tell() < 2 << 20:
            raw.write(os.urandom(65536))


DAMAGE: dict[str, Callable[[Path], None]] = {"cut": cut, "noise": fill_with_noise}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_file_is_begun_again_under_load(server: RunningServer, root: str, damage: str) -> None:
    keys = warmed(server, root)
    workers = server.worker_pids()
    DAMAGE[damage](server.data_dir / "records")
    use(server, keys)
    assert server.stop() == 0
    server.start()
    use(server, keys)
    assert "Traceback" not in server.log
    assert set(workers).isdisjoint(server.worker_pids())
    assert (server.data_dir / "records").stat().st_mode & 0o777 == 0o600


def test_file_serves_with_buckets_in_memory(start_server: StartServer) -> None:
    server = start_server(workers=1, settings={"BUCKET_STORE_URL": "memory://", "WORKERS": "1"})
    root = issue(server, "--label", "root", "--scope", "*", "--burst", "100000", "--per-seconds", "1")["credential"]
    keys = warmed(server, root)
    assert server.stop() == 0
    server.start()
    wait_for_feed(server, keys, root)
    before = lookups(server, root)["loaded"]
    use(server, keys)
    assert lookups(server, root)["loaded"] == before
