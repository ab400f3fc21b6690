"""A quota after the loss of the bucket file or of the database: given again is at most what no row had yet."""

import shutil
import signal
from pathlib import Path

import pytest

from tests.server.conftest import StartServer
from tests.support.server import RunningServer, issue
from tests.support.sold import Shop, check_all, quota, row_of
from tests.support.stores import EMBEDDED, chosen
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.skipif(chosen() != EMBEDDED, reason="the server's bucket store is no file"),
    pytest.mark.slow("runs several servers"),
]

AMOUNT = 300


def start(start_server: StartServer) -> tuple[RunningServer, Shop, list[str]]:
    server = start_server(workers=2)
    root = issue(server, "--label", "root", "--scope", "*", "--unlimited")["credential"]
    shop = Shop(server.url, root)
    return server, shop, shop.sell("acme", [quota(AMOUNT)], keys=3)


def use(server: RunningServer, keys: list[str], requests: int = 50) -> int:
    """How many of so many requests of each key pass; the others are refused."""
    answers = check_all([server.port], keys, requests=requests, connections=6)
    assert set(answers.statuses) <= {204, 429}
    return answers.passed


def lose_buckets(server: RunningServer) -> None:
    shutil.rmtree(server.data_dir / "buckets")


def test_stopped_server_loses_nothing(start_server: StartServer) -> None:
    server, shop, keys = start(start_server)
    assert use(server, keys) == 150
    assert server.stop() == 0
    lose_buckets(server)
    server.start()
    assert row_of(server) == 150, "what was used last is written before the end"
    assert shop.used("acme") == 150
    assert use(server, keys, 100) == 150


def test_killed_server_gives_again_what_no_row_had(start_server: StartServer) -> None:
    server, shop, keys = start(start_server)
    assert use(server, keys) == 150
    wait_until(lambda: row_of(server) == 150, "the row")
    assert use(server, keys, 10) == 30
    server.stop(signal.SIGKILL)
    lose_buckets(server)
    known = row_of(server)
    assert 150 <= known <= 180
    server.start()
    assert shop.used("acme") == known, "what a client reads is what the database knows"
    assert use(server, keys, 110) == AMOUNT - known
    assert use(server, keys, 5) == 0


def test_restored_database_beside_newer_buckets_gives_nothing_again(start_server: StartServer, tmp_path: Path) -> None:
    server, _, keys = start(start_server)
    assert use(server, keys) == 150
    server.manage("backup", str(tmp_path / "backup"))
    assert use(server, keys, 40) == 120
    assert server.stop() == 0
    server.manage("restore", str(tmp_path / "backup"), "--replace")
    assert row_of(server) <= 150
    server.start()
    assert use(server, keys, 40) == AMOUNT - 270


def test_restore_elsewhere_gives_again_what_the_backup_lacks(start_server: StartServer, tmp_path: Path) -> None:
    server, _, keys = start(start_server)
    assert use(server, keys) == 150
    server.manage("backup", str(tmp_path / "backup"))
    assert use(server, keys, 20) == 60
    server.stop()
    (tmp_path / "other").mkdir()
    other = RunningServer(tmp_path / "other", workers=2)
    other.manage("restore", str(tmp_path / "backup"))
    other.start()
    try:
        assert use(other, keys, 100) == AMOUNT - 150
    finally:
        other.stop()


def test_change_after_a_restore_applies_to_next_request(start_server: StartServer, tmp_path: Path) -> None:
    """The store's number of the policies is above that of the restored database."""
    server, shop, keys = start(start_server)
    server.manage("backup", str(tmp_path / "backup"))
    for amount in (400, 500, 200):
        shop.call("PATCH", "/v1/plans/acme", {"limits": [quota(amount)]})
    assert use(server, keys, 50) == 150
    server.stop()
    server.manage("restore", str(tmp_path / "backup"), "--replace")
    server.start()
    assert use(server, keys, 20) == 60, "the amount is that of the restored database"
    shop.call("PATCH", "/v1/plans/acme", {"limits": [quota(220)]})
    assert use(server, keys, 20) == 10


def test_owner_after_a_restore_starts_at_zero(start_server: StartServer, tmp_path: Path) -> None:
    """An owner that the restore undid had a counter, which the next new owner must not have."""
    server, shop, _ = start(start_server)
    server.manage("backup", str(tmp_path / "backup"))
    undone = shop.sell("undone", [quota(50)])
    assert use(server, undone, 40) == 40
    server.stop()
    server.manage("restore", str(tmp_path / "backup"), "--replace")
    server.start()
    new = shop.sell("new", [quota(50)])
    assert use(server, new, 60) == 50
