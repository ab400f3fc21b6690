"""Locked database under a running server: changes fail in time, and other requests are not affected."""

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager

import httpx
import psycopg
import pytest

from events.lock_timeout import MAX_WAIT_SECONDS
from tests.server.conftest import StartServer
from tests.support.server import RunningServer, issue
from tests.support.stores import EMBEDDED, chosen
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow("waits for a lock in vain")
CHANGES = 6
SLACK_SECONDS = 10.0  # for a busy machine


@contextmanager
def lock_held(server: RunningServer) -> Iterator[None]:
    """What a forgotten BEGIN does in psql, or a program that writes to SQLite's file."""
    if chosen() == EMBEDDED:
        with sqlite3.connect(server.data_dir / "latchkey.sqlite3", isolation_level=None) as file:
            file.execute("BEGIN IMMEDIATE")
            yield
            file.execute("ROLLBACK")
        file.close()
    else:
        with psycopg.connect(server.environment["DATABASE_URL"]) as session:
            session.execute("SELECT * FROM events_chainhead FOR UPDATE")
            yield


def test_held_lock_blocks_only_changes(start_server: StartServer) -> None:
    server = start_server(workers=1)
    key = issue(server, "--label", "root", "--scope", "*", "--burst", "100000", "--per-seconds", "1")["credential"]
    with httpx.Client(base_url=server.url, headers={"X-API-Key": key}, timeout=60) as root:

        def degraded() -> list[str]:
            found: list[str] = root.get("/health/full").raise_for_status().json()["degraded"]
            return found

        def change(_: int) -> tuple[int, float]:
            began = time.monotonic()
            answer = root.post("/v1/keys", json={"label": "x"})
            assert answer.status_code == 201 or int(answer.headers["Retry-After"]) > 0
            return answer.status_code, time.monotonic() - began

        assert change(0)[0] == 201
        with lock_held(server), ThreadPoolExecutor(CHANGES) as pool:
            changes = [pool.submit(change, n) for n in range(CHANGES)]
            read = []
            while not all(change.done() for change in changes):
                wait(changes, timeout=0.1)
                read += [root.get(path).status_code for path in ("/v1/keys", "/v1/check", "/health", "/metrics")]
            assert set(read) == {200, 204}
            assert {change.result()[0] for change in changes} == {503}
            # Its own wait for the lock, after that for its turn.
            assert max(change.result()[1] for change in changes) < 2 * MAX_WAIT_SECONDS + SLACK_SECONDS
            assert "unwritable_database" in degraded()
        assert change(0)[0] == 201
        wait_until(lambda: "unwritable_database" not in degraded(), "the end of the breach", seconds=60)
    assert '"status": 500' not in server.log
