"""Backup of a server under traffic, and restore on another host."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import lmdb
import pytest

from ratelimit.bucket import Record
from tests.backup.conftest import Install
from tests.backup.installation import DATABASES, Installation

pytestmark = pytest.mark.slow("backs up and restores servers under traffic")


@contextmanager
def traffic(server: Installation, busy: dict[str, Any], root: dict[str, Any]) -> Iterator[None]:
    """Requests by one key, and new keys by another, without a pause until the block ends."""
    over = threading.Event()

    def call() -> None:
        with httpx.Client(headers={"X-API-Key": busy["credential"]}) as client:
            while not over.is_set():
                assert client.get(f"{server.url}/v1/whoami").status_code == 200
                over.wait(0.01)

    def change() -> None:
        with httpx.Client(headers={"X-API-Key": root["credential"]}) as client:
            while not over.is_set():
                assert client.post(f"{server.url}/v1/keys", json={"label": "one more"}).status_code == 201
                over.wait(0.01)

    threads = [threading.Thread(target=work) for work in (call, call, change)]
    for thread in threads:
        thread.start()
    yield
    over.set()
    for thread in threads:
        thread.join()


def requests_in(backup: Path, key: dict[str, Any]) -> int:
    """The requests of a key that the copy of the buckets has counted."""
    with lmdb.open(str(backup / "buckets.mdb"), subdir=False, readonly=True, lock=False) as buckets:
        record = Record.load(bytes(buckets.begin().get(key["key_id"].encode(), b"")))
    return record.allowed + record.throttled


def is_told(server: Installation, done: dict[str, Any]) -> bool:
    """Whether the restore is an event, and degrades health until it is acknowledged."""
    root = server.new_key("--scope", "*")

    def get(path: str) -> Any:
        return httpx.get(f"{server.url}{path}", headers={"X-API-Key": root["credential"]}).json()

    (event,) = get("/v1/events?type=BackupRestored")["items"]
    lost = event["data"]["lost"]
    assert (event["id"], event["actor"]) == (done["event"], "command:restore")
    assert (lost["events"], lost["changes"]) == (sum(done["lost"]["events"].values()), len(done["lost"]["changes"]))
    (message,) = (rail for rail in get("/health/full")["guard_rails"] if rail["name"] == "restored_backup")
    server.manage("grant_waiver", "restored_backup", "--reason", "seen", "--ends-in", "1d")
    return "this undid" in message["detail"] and "restored_backup" not in get("/health/full")["degraded"]


@pytest.mark.parametrize("database", DATABASES)
def test_backup_under_traffic_and_restore_elsewhere(install: Install, tmp_path: Path, database: str) -> None:
    server = install("server", database)
    server.start()
    root = server.new_key("--scope", "*", "--unlimited")
    busy = server.new_key("--unlimited")
    spent = server.new_key("--burst", "5", "--per-seconds", "2678400")
    doomed = server.new_key()
    assert [server.whoami(spent).status_code for _ in range(3)] == [200] * 3

    with traffic(server, busy, root):
        made = server.run_json("backup", str(tmp_path / "backup"))
    after = server.new_key()
    server.manage("revoke_key", doomed["key_id"], "--yes")
    assert [server.whoami(key).status_code for key in (spent, after, doomed)] == [200, 200, 401]
    assert server.refused("restore", str(tmp_path / "backup"), "--replace")[0] == 2, "a server runs"
    assert server.run_json("restore", str(tmp_path / "backup"), "--check")["lost"]["known"]
    server.stop()

    other = install("other", database, migrated=False)
    done = other.run_json("restore", str(tmp_path / "backup"))
    assert (done["restored"], done["buckets"], done["first_break"]) == (True, "restored", None)
    assert other.used(busy) == requests_in(tmp_path / "backup", busy) > 0
    other.start()
    assert [other.whoami(key).status_code for key in (root, doomed, after)] == [200, 200, 401]
    assert other.whoami(spent).json()["remaining"] == 1
    log = other.run_json("verify_event_log")
    assert log["holds"]
    assert log["events"] >= made["last_event"] >= 5
    changed = httpx.patch(
        f"{other.url}/v1/keys/{doomed['key_id']}", json={"label": "b"}, headers={"X-API-Key": root["credential"]}
    )
    assert changed.status_code == 200


@pytest.mark.parametrize("database", DATABASES)
def test_restore_reports_reactivated_keys(install: Install, tmp_path: Path, database: str) -> None:
    server = install("server", database)
    server.start()
    kept, doomed, spent = server.new_key(), server.new_key(), server.new_key("--burst", "5", "--per-seconds", "2678400")
    server.whoami(spent)
    server.manage("backup", str(tmp_path / "backup"))
    server.manage("revoke_key", doomed["key_id"], "--yes")
    server.manage("rotate_key", kept["key_id"], "--at-once", "--yes")
    server.manage("revoke_key", server.new_key()["key_id"], "--yes")
    assert [server.whoami(key).status_code for key in (kept, doomed, spent)] == [401, 401, 200]
    server.stop()
    assert server.refused("restore", str(tmp_path / "backup"))[0] == 2, "the database is not empty"

    done = server.run_json("restore", str(tmp_path / "backup"), "--replace")
    lost = {(change["about"], change["type"]): change["afterwards"] for change in done["lost"]["changes"]}
    assert lost.pop((doomed["key_id"], "KeyRevoked")) == "works again"
    assert lost.pop((kept["key_id"], "KeyRotated")).startswith("its older secrets work again")
    assert [kind for _, kind in lost] == ["KeyIssued"], "a key that the backup never knew is reported once"
    assert done["buckets"] == "kept"
    server.start()
    assert is_told(server, done)
    assert [server.whoami(key).status_code for key in (kept, doomed)] == [200, 200]
    assert server.whoami(spent).json()["remaining"] == 2, "what was spent since the backup stays spent"
    server.manage("revoke_key", doomed["key_id"], "--yes")
    assert server.whoami(doomed).status_code == 401, "the epoch goes above that of the buckets"
    server.stop()
    assert server.used(spent) == 3
    assert Path(done["replaced"]).exists()
