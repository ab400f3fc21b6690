"""A real nginx for a test: a site of ours, with plain HTTP on a free port in place of TLS."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.deploy.running_prometheus import eventually
from tests.support.ports import free_port

_LISTEN_TLS = re.compile(r"listen \d+ ssl;")
_LISTEN_PLAIN = re.compile(r"listen \d+;")
_HOST = re.compile(r"proxy_set_header Host \S+;")


def site_of(file: Path, port: int, upstreams: dict[str, str]) -> str:
    """The file's text, to listen on `port` and with its upstreams' addresses exchanged as `upstreams` says."""
    kept = [line for line in file.read_text().splitlines() if not line.strip().startswith("ssl_")]
    text = _LISTEN_TLS.sub(f"listen 127.0.0.1:{port};", "\n".join(kept))
    text = _LISTEN_PLAIN.sub(f"listen 127.0.0.1:{free_port()};", text)
    text = text.replace("access_log /dev/stdout", "access_log access.log")
    for there, here in upstreams.items():
        assert there in text
        text = text.replace(there, here)
    return _HOST.sub("proxy_set_header Host localhost;", text)


@contextmanager
def running_nginx(directory: Path, file: Path, upstreams: dict[str, str]) -> Iterator[str]:
    """Its URL, while it runs; its logs and temporary files lie in `directory`."""
    port = free_port()
    temporary = "".join(
        f"{name}_temp_path {directory}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (directory / "nginx.conf").write_text(
        f"pid {directory}/pid; daemon off; worker_processes 2; user root;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{site_of(file, port, upstreams)}\n}}\n"
    )
    command: list[str | Path] = [
        "nginx",
        "-p",
        directory,
        "-e",
        directory / "error.log",
        "-c",
        directory / "nginx.conf",
    ]
    with subprocess.Popen(command) as nginx:
        try:
            eventually(lambda: nginx.poll() is not None or _answers(port), "nginx answers")
            assert nginx.poll() is None, (directory / "error.log").read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            nginx.terminate()


def _answers(port: int) -> bool:
    try:
        return httpx.request("OPTIONS", f"http://127.0.0.1:{port}/health", timeout=5).status_code > 0
    except httpx.ConnectError:
        return False
    except httpx.TransportError:
        return True
