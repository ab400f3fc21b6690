"""nginx with one worker process: one location with its own rate limit per key, and one that calls /v1/check."""

import http.client
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks import paths, server
from benchmarks.failure import CouldNotMeasure
from benchmarks.gateway.wrk import CONNECTIONS, program
from benchmarks.ports import free_port

LIMITED: Final = "/limited"
ASKED: Final = "/asked"
_REFUSING: Final = "/refusing"
# The locations serve a 43-byte GIF from memory. A `return` directive would respond before the limit and auth_request
# apply.
_CONFIGURATION: Final = """
daemon off;
worker_processes 1;
pid {directory}/pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    limit_req_status 429;
    limit_req_zone $http_x_api_key zone=generous:10m rate=1000000r/s;
    limit_req_zone $http_x_api_key zone=strict:1m rate=1r/m;
    upstream latchkey {{
        server 127.0.0.1:{latchkey} max_fails=0;
        keepalive {connections};
        keepalive_requests 1000000000;
        keepalive_timeout 1s;  # less than a round, so that each shares its connections out anew
    }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location = {limited} {{
            limit_req zone=generous burst=1000000 nodelay;
            empty_gif;
        }}
        location = {refusing} {{
            limit_req zone=strict;
            empty_gif;
        }}
        location = {asked} {{
            auth_request /check;
            auth_request_set $key_id $upstream_http_x_latchkey_key_id;
            add_header X-Key-Id $key_id;
            empty_gif;
        }}
        location = /check {{
            internal;
            proxy_pass http://latchkey{check};
            proxy_http_version 1.1;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header Connection "";
        }}
    }}
}}
"""


@contextmanager
def nginx(latchkey: int) -> Iterator[int]:
    """Run nginx in front of the Latchkey at that port; yield nginx's port."""
    port = free_port()
    with TemporaryDirectory(prefix="latchkey-bench-") as made:
        directory = Path(made)
        configuration = directory / "nginx.conf"
        configuration.write_text(_configuration(directory, port, latchkey), encoding="utf-8")
        command = [program("nginx"), "-p", made, "-e", "stderr", "-c", str(configuration)]
        with server.running(command, {"PATH": os.environ.get("PATH", os.defpath)}, directory / "server.log"):
            server.wait_until_answering(port)
            _prove(port)
            yield port


def _configuration(directory: Path, port: int, latchkey: int) -> str:
    return _CONFIGURATION.format(
        directory=directory,
        port=port,
        latchkey=latchkey,
        connections=CONNECTIONS,
        limited=LIMITED,
        refusing=_REFUSING,
        asked=ASKED,
        check=paths.CHECK,
    )


def _prove(port: int) -> None:
    """Check that the limit applies, and that a request without a key is rejected. Raise CouldNotMeasure if not."""
    statuses = [_status(port, path) for path in (_REFUSING, _REFUSING, LIMITED, ASKED)]
    if statuses != [200, 429, 200, 401]:
        raise CouldNotMeasure(f"nginx does not limit or not ask: it answered {statuses}.")


def _status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    fields = {} if path == ASKED else {"X-API-Key": "anybody"}
    connection.request("GET", path, headers=fields)
    response = connection.getresponse()
    connection.close()
    return response.status
