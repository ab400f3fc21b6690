"""Full disk of DATA_DIR: no process dies, checks continue, and everything recovers."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.server.conftest import StartServer
from tests.support.server import RunningServer, issue
from tests.support.small_disk import fill, small_disk
from tests.support.waiting import wait_until

pytestmark = pytest.mark.needs("mount")


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Room for the bucket file and its reserve, and for little else."""
    with small_disk(tmp_path_factory.mktemp("disk"), 96) as path:
        yield path


@pytest.fixture(scope="module")
def server(disk: Path, start_server: StartServer) -> RunningServer:
    return start_server(disk, workers=2)


def test_full_disk_kills_no_process(server: RunningServer, disk: Path) -> None:
    credential = issue(server, "--label", "root", "--scope", "*", "--burst", "100000", "--per-seconds", "1")[
        "credential"
    ]
    workers = server.worker_pids()
    with httpx.Client(base_url=server.url, headers={"X-API-Key": credential}, timeout=20) as client:
        assert client.get("/v1/check").status_code == 204
        fill(disk / "filler")
        wait_until(
            lambda: client.get("/health").json() == {"status": "degraded"}, "/health, which is up to a second old"
        )
        for number in range(10):
            assert client.get("/v1/check").status_code == 204
            assert client.get("/health").json() == {"status": "degraded"}
            # Each has series of its own, for which the files of the metrics may have to grow.
            for path in ("/v1/whoami", "/v1/keys", "/admin/login/", f"/nothing/{number}", "/metrics", "/docs/"):
                assert client.get(path).status_code in (200, 404)
        assert "full_disk" in client.get("/health/full").json()["degraded"]
        assert client.post("/v1/keys", json={"label": "new"}).status_code in (201, 503)
        assert server.worker_pids() == workers
        (disk / "filler").unlink()
        assert client.get("/v1/check").status_code == 204
        wait_until(lambda: client.post("/v1/keys", json={"label": "new"}).status_code == 201, "room")
    assert "SIGBUS" not in server.log
