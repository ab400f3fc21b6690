"""nginx with one worker process: its own limit by a field of the header, and its calls of /v1/check.

Both locations respond with an image of 43 bytes from memory. `return` would respond before the limit and the call.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import httpx

from benchmarks import servers
from benchmarks.gateway.wrk import CONNECTIONS
from benchmarks.measurement import CouldNotMeasure
from tests.support.ports import free_port

LIMITED: Final = "/limited"
ASKING: Final = "/asking"
_STRICT: Final = "/strict"
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
        keepalive_timeout 1s;  # less than a round, so that each distributes its connections again
    }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location = /limited {{
            limit_req zone=generous burst=1000000 nodelay;
            empty_gif;
        }}
        location = /strict {{
            limit_req zone=strict;
            empty_gif;
        }}
        location = /asking {{
            auth_request /check;
            auth_request_set $key_id $upstream_http_x_latchkey_key_id;
            add_header X-Key-Id $key_id;
            empty_gif;
        }}
        location = /check {{
            internal;
            proxy_pass http://latchkey/v1/check?scope=orders:read;
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
    """Run nginx in front of the Latchkey on that port; yields its own port."""
    port = free_port()
    with TemporaryDirectory(prefix="latchkey-bench-") as directory:
        file = Path(directory) / "nginx.conf"
        configuration = _CONFIGURATION.format(
            directory=directory, port=port, latchkey=latchkey, connections=CONNECTIONS
        )
        file.write_text(configuration, encoding="utf-8")
        command = [servers.program("nginx"), "-p", directory, "-e", "stderr", "-c", str(file)]
        environment = {"PATH": os.environ.get("PATH", os.defpath)}
        with servers.running(command, environment, Path(directory) / "server.log"):
            servers.wait_until_ready(port)
            # The limit must count, and no request may pass without a key.
            statuses = [_status(port, path) for path in (_STRICT, _STRICT, LIMITED, ASKING)]
            if statuses != [200, 429, 200, 401]:
                raise CouldNotMeasure(f"nginx does not limit or does not call /v1/check: it returned {statuses}.")
            yield port


def _status(port: int, path: str) -> int:
    fields = {} if path == ASKING else {"X-API-Key": "any"}
    return httpx.get(f"http://127.0.0.1:{port}{path}", headers=fields, timeout=10).status_code
