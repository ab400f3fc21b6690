"""What verifying each request costs a service: a bare view compared with one that an integration protects, and with one
that checks keys itself.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks import servers
from benchmarks.drf_peer import Peer, drf_peer
from benchmarks.installation import HIGH_LIMIT, Installation, installation
from benchmarks.load import Tally, connect
from benchmarks.measurement import ROOT, Condition, Section, series_of
from tests.support.ports import free_port
from tests.support.raw_http import get_request

BARE: Final = "bare"
_PEERS: Final = {"djangorestframework-api-key": "/key", "the same with a throttle on Redis": "/check"}
DRF: Final = "Django REST framework, gunicorn with 8 threads"
_THREADS: Final = 8
_PATHS: Final = {BARE: "/bare", "protected": "/protected"}
_CONNECTIONS: Final = (1, 8)
_GUNICORN: Final = ("gunicorn", "--threads", str(_THREADS), "--no-control-socket", "--keep-alive", "75")
_UVICORN: Final = ("uvicorn", "--log-level", "warning", "--lifespan", "off", "--timeout-keep-alive", "75")
_SERVICES: Final = {
    DRF: (*_GUNICORN, "benchmarks.drf_service:application", "--bind"),
    "ASGI, uvicorn": (*_UVICORN, "benchmarks.asgi_service:app", "--port"),
}


def sections(*, quick: bool) -> list[Section]:
    """Measure each service with one connection, which shows the latency, and with several."""
    rounds, requests = (3, 200) if quick else (21, 500)
    with installation(workers=1) as latchkey, drf_peer(workers=1, threads=_THREADS) as peer:
        servers.wait_until_ready(latchkey.port)
        return [
            section
            for service in _SERVICES
            for connections in _CONNECTIONS
            for section in _sections(latchkey, peer, service, connections, rounds, requests)
        ]


def _sections(
    latchkey: Installation, peer: Peer, service: str, connections: int, rounds: int, requests: int
) -> list[Section]:
    caller = latchkey.issue(HIGH_LIMIT, ["orders:read"])
    with ExitStack() as opened:
        port = opened.enter_context(_serving(latchkey, _SERVICES[service]))
        load = opened.enter_context(connect(port, workers=1, connections=connections))
        send = {
            name: partial(load.send_all, get_request(path, x_api_key=caller), requests, status=200)
            for name, path in _PATHS.items()
        }
        if service == DRF:
            of_peer = opened.enter_context(connect(peer.port, workers=1, connections=connections))
            keys = peer.keys.read_text(encoding="ascii").split()
            for name, path in _PEERS.items():
                in_turn = [get_request(path, x_api_key=key) for key in keys]
                send[name] = partial(of_peer.send_all, in_turn, requests, status=204)
        for warm_up in send.values():
            warm_up()  # imports and the first connection to Latchkey
        before = latchkey.allowed_total()
        tallies: dict[str, list[Tally]] = {name: [] for name in send}
        for _ in range(rounds):
            for name, measure in send.items():
                tallies[name].append(measure())
        # A verification is two requests that are allowed: that of the service's own key, and that of the caller's.
        uncounted = latchkey.allowed_total() - before - 2 * rounds * requests
    return _of(f"{service}, connections: {connections}", tallies, uncounted)


def _of(title: str, tallies: Mapping[str, Sequence[Tally]], uncounted: int) -> list[Section]:
    """Return the sections of the responses per second, and of the times that responses took."""
    rates = series_of({name: [len(one.latencies) / one.seconds for one in of] for name, of in tallies.items()})
    counted = Condition("allowed requests, by the server's metrics minus by the client", uncounted, "==", 0)
    found = [Section("integrations", title, "requests/s", BARE, rates, [counted])]
    for percent in (50, 99):
        times = series_of({name: [one.percentile(percent) for one in of] for name, of in tallies.items()})
        found.append(Section(f"integrations-p{percent}", f"{title}, p{percent}", "ms", BARE, times))
    return found


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
