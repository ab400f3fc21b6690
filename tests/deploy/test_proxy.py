"""The proxies' files: their own programs take them, and they pass streams on and clients' addresses as they are."""

import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.server.running import ROOT, RunningServer, free_port, issue

DIRECTORY = ROOT / "deploy" / "proxy"
EVENTS = {"Accept": "text/event-stream"}


@pytest.mark.skipif(shutil.which("caddy") is None, reason="Caddy is missing")
def test_caddy_takes_its_file() -> None:
    done = subprocess.run(
        ["caddy", "adapt", "--adapter", "caddyfile", "--config", DIRECTORY / "Caddyfile"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is missing")
def test_nginx_passes_streams_and_addresses(server: RunningServer, root: dict[str, str], tmp_path: Path) -> None:
    """Its own file, with plain HTTP on a free port in place of TLS."""
    port = free_port()
    text = (DIRECTORY / "nginx.conf").read_text()
    _, _, tls = text.partition("server {\n    listen 443 ssl;")
    upstream = text.partition("server {")[0].replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
    kept = [line for line in tls.splitlines() if not line.strip().startswith("ssl_")]
    site = (
        upstream[upstream.index("upstream latchkey") :] + f"server {{\n    listen 127.0.0.1:{port};" + "\n".join(kept)
    )
    whole = (
        f"pid {tmp_path}/pid; error_log {tmp_path}/error.log; daemon off; master_process off; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy;"
        f" fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;\n{site}\n}}\n"
    )
    (tmp_path / "nginx.conf").write_text(
        whole.replace("proxy_set_header Host $host", "proxy_set_header Host localhost")
    )
    with subprocess.Popen(["nginx", "-e", f"{tmp_path}/error.log", "-c", tmp_path / "nginx.conf"]) as nginx:
        try:
            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}", headers=root, transport=httpx.HTTPTransport(retries=4), timeout=10
            ) as client:
                assert client.get("/v1/whoami", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 200
                with client.stream("GET", "/v1/events", headers=EVENTS) as stream:
                    lines = stream.iter_lines()
                    assert next(lines) == "retry: 2000"
                    issue(server, "--label", "told at once")
                    assert any("told at once" in line for line in lines)
        finally:
            nginx.terminate()
    assert '"203.0.113.9"' not in server.log
