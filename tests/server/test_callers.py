"""Callers of keys on a running server: recorded by its workers, and shown over REST after a restart."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.server import RunningServer, issue


@pytest.fixture
def installation(tmp_path: Path, own_stores: None) -> Iterator[RunningServer]:
    """One that doesn't serve yet."""
    server = RunningServer(tmp_path, workers=1)
    server.migrate()
    yield server
    if server.process is not None:
        server.stop()


@pytest.mark.slow("starts a server twice")
@pytest.mark.parametrize("recorded", ["true", "false"])
def test_worker_records_callers(installation: RunningServer, recorded: str) -> None:
    server = installation
    key, root = issue(server, "--label", "used"), issue(server, "--label", "root", "--scope", "*")
    server.settings = {"RECORD_CALLERS": recorded}
    server.start()
    fields = {"X-API-Key": key["credential"], "User-Agent": "python-requests/2.31.0"}
    with httpx.Client(base_url=server.url) as client:
        for _ in range(12):
            assert client.get("/v1/check", headers=fields).status_code == 204
    server.stop()
    server.start()
    path = f"{server.url}/v1/keys/{key['key_id']}/callers"
    found = httpx.get(path, headers={"X-API-Key": root["credential"]}).json()
    seen = [(row["kind"], row["value"], row["requests"]) for row in found]
    expected = [("address", "127.0.0.1", 12), ("service", "python-requests/2.31", 12)]
    assert seen == (expected if recorded == "true" else [])
