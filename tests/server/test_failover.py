"""PostgreSQL failover under a running server: first to a standby, then to a writable server."""

import time
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from tests.server.conftest import StartServer
from tests.support.migrated import migrated_database
from tests.support.postgresql import cut_sessions, drop_database, new_database, set_read_only
from tests.support.server import issue
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.slow("waits for new sessions")]


@pytest.fixture
def database() -> Iterator[str]:
    url = new_database(migrated_database())
    yield url
    drop_database(url)


def test_writes_resume_after_failover(start_server: StartServer, database: str) -> None:
    server = start_server(workers=2, settings={"DATABASE_URL": database})
    key = issue(server, "--label", "root", "--scope", "*", "--burst", "100000", "--per-seconds", "1")["credential"]
    with httpx.Client(base_url=server.url, headers={"X-API-Key": key}, timeout=30) as root:

        def health() -> tuple[int, str]:
            answer = root.get("/health")
            return answer.status_code, answer.json()["status"]

        def makes_keys(times: int) -> set[int]:
            return {root.post("/v1/keys", json={"label": "x"}).status_code for _ in range(times)}

        assert makes_keys(4) == {201}
        set_read_only(database, on=True)
        cut_sessions(database)
        # Sessions that ended are not handed out: reads go on without one that fails.
        assert {root.get("/v1/keys").status_code for _ in range(8)} == {200}
        assert makes_keys(8) == {503}
        wait_until(lambda: health() == (200, "degraded"), "the standby in /health")
        full = root.get("/health/full").json()
        assert "unwritable_database" in full["degraded"]
        assert full["components"]["database"]["status"] == "degraded"

        set_read_only(database, on=False)
        time.sleep(0.1)  # a worker that has just looked in vain looks again after half of that
        assert makes_keys(8) == {201}, "the first change too"
        wait_until(lambda: "unwritable_database" not in root.get("/health/full").json()["degraded"], "health")
        wait_until(lambda: health() == (200, "ok"), "the steward, which had the sessions of the old server too")


def test_database_without_tables_is_an_outage(start_server: StartServer, database: str) -> None:
    server = start_server(workers=1, settings={"DATABASE_URL": database}, arguments=("--no-steward",))
    key = issue(server, "--label", "root", "--scope", "*", "--burst", "100000", "--per-seconds", "1")["credential"]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER SCHEMA public RENAME TO elsewhere")
    with httpx.Client(base_url=server.url, headers={"X-API-Key": key}, timeout=30) as root:
        asked = [root.get("/v1/keys"), root.post("/v1/keys", json={"label": "x"}), root.get("/v1/events")]
        assert [answer.status_code for answer in asked] == [503, 503, 503], server.log[-6000:]
        assert root.get("/v1/check").status_code == 503
        assert root.get("/health").status_code in (200, 503)
    assert "the database lacks Latchkey's tables" in server.log
