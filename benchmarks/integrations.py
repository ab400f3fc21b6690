"""What verifying each request costs a service: a bare view compared with one that an integration protects."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks import servers
from benchmarks.installation import HIGH_LIMIT, Installation, installation
from benchmarks.load import Load, connect
from benchmarks.measurement import ROOT, Condition, Section, interleaved
from tests.support.ports import free_port
from tests.support.raw_http import get_request

BARE: Final = "bare"
_PATHS: Final = {BARE: "/bare", "protected": "/protected"}
_CONNECTIONS: Final = (1, 8)
_GUNICORN: Final = ("gunicorn", "--threads", "8", "--no-control-socket", "--keep-alive", "75")
_UVICORN: Final = ("uvicorn", "--log-level", "warning", "--lifespan", "off", "--timeout-keep-alive", "75")
_SERVICES: Final = {
    "Django REST framework, gunicorn with 8 threads": (*_GUNICORN, "benchmarks.drf_service:application", "--bind"),
    "ASGI, uvicorn": (*_UVICORN, "benchmarks.asgi_service:app", "--port"),
}


def sections(*, quick: bool) -> list[Section]:
    """Measure each service with one connection, which shows the latency, and with several."""
    rounds, requests = (3, 200) if quick else (21, 500)
    with installation(workers=1) as latchkey:
        servers.wait_until_ready(latchkey.port)
        return [
            _section(latchkey, name, connections, rounds, requests)
            for name in _SERVICES
            for connections in _CONNECTIONS
        ]


def _section(latchkey: Installation, name: str, connections: int, rounds: int, requests: int) -> Section:
    caller = latchkey.issue(HIGH_LIMIT, ["orders:read"])
    with _serving(latchkey, _SERVICES[name]) as port, connect(port, workers=1, connections=connections) as load:
        sent = {name: get_request(path, x_api_key=caller) for name, path in _PATHS.items()}
        for request in sent.values():
            _rate(load, request, requests)  # imports and the first connection to Latchkey
        before = latchkey.allowed_total()
        timed = {name: partial(_rate, load, request, requests) for name, request in sent.items()}
        measured = interleaved(timed, rounds)
        # A verification is two requests that are allowed: that of the service's own key, and that of the caller's.
        uncounted = latchkey.allowed_total() - before - 2 * rounds * requests
    counted = Condition("allowed requests, by the server's metrics minus by the client", uncounted, "==", 0)
    title = f"{name}, connections: {connections}"
    return Section("integrations", title, "requests/s", BARE, measured, [counted])


@contextmanager
def _serving(latchkey: Installation, command: Sequence[str]) -> Iterator[int]:
    """Serve a service with one process. Yields its port."""
    port = free_port()
    *options, bind = command
    address = f"127.0.0.1:{port}" if bind == "--bind" else str(port)
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": str(ROOT),
        "LATCHKEY_URL": f"http://127.0.0.1:{latchkey.port}",
        "LATCHKEY_API_KEY": latchkey.issue(HIGH_LIMIT, ["verify"]),
    }
    with (
        TemporaryDirectory(prefix="latchkey-bench-") as directory,
        servers.running([sys.executable, "-m", *options, bind, address], environment, Path(directory) / "server.log"),
    ):
        servers.wait_until_ready(port)
        yield port


def _rate(load: Load, request: bytes, requests: int) -> float:
    """Return the requests per second."""
    return requests / load.send_all(request, requests, status=200).seconds
