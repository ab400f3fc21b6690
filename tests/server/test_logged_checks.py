"""LOG_CHECKS on a running server: the log shows from where a leaked credential is used."""

import json
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


@pytest.mark.slow("starts a server whose settings name a key")
def test_checks_of_named_key_are_logged(installation: RunningServer) -> None:
    server = installation
    named, other = issue(server, "--label", "leaked"), issue(server, "--label", "other")
    server.settings = {"LOG_CHECKS": named["key_id"]}
    server.start()
    with httpx.Client(base_url=server.url) as client:
        for number in range(3):
            for key in (named, other):
                fields = {"X-API-Key": key["credential"], "X-Request-Id": f"request-{number}"}
                assert client.get("/v1/check", headers=fields).status_code == 204
    lines = [json.loads(line) for line in server.log.splitlines() if "/v1/check" in line]
    assert [(line["key_id"], line["request_id"], line["status"], line["address"]) for line in lines] == [
        (named["key_id"], f"request-{number}", 204, "127.0.0.1") for number in range(3)
    ]
    assert "lks_" not in server.log
