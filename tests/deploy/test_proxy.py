"""The proxies' files: their own programs take them, and they pass streams on and clients' addresses as they are."""

import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.deploy.running_nginx import running_nginx
from tests.support.commands import ROOT
from tests.support.server import RunningServer, issue

pytestmark = [pytest.mark.slow("runs several servers"), pytest.mark.storeless("files of proxies")]

DIRECTORY = ROOT / "deploy" / "proxy"
EVENTS = {"Accept": "text/event-stream"}


@pytest.mark.skipif(shutil.which("caddy") is None, reason="Caddy is missing")
def test_caddy_accepts_its_file() -> None:
    done = subprocess.run(
        ["caddy", "adapt", "--adapter", "caddyfile", "--config", DIRECTORY / "Caddyfile"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is missing")
def test_nginx_passes_streams_and_addresses(server: RunningServer, root: dict[str, str], tmp_path: Path) -> None:
    here = {"127.0.0.1:8000": f"127.0.0.1:{server.port}"}
    with (
        running_nginx(tmp_path, DIRECTORY / "nginx.conf", here) as url,
        httpx.Client(base_url=url, headers=root, timeout=10) as client,
    ):
        assert client.get("/v1/whoami", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 200
        with client.stream("GET", "/v1/events", headers=EVENTS) as stream:
            lines = stream.iter_lines()
            assert next(lines) == "retry: 2000"
            issue(server, "--label", "told at once")
            assert any("told at once" in line for line in lines)
    assert '"203.0.113.9"' not in server.log
