"""Admission: how many parallel requests pass a limit with several workers, with Latchkey and with DRF's throttle."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from uuid import uuid4

from benchmarks import paths, server
from benchmarks.balance import connect
from benchmarks.condition import Condition
from benchmarks.failure import CouldNotMeasure
from benchmarks.installation import installation
from benchmarks.load import Load, Tally, get_request
from benchmarks.peer_environment import ROOT
from benchmarks.ports import free_port
from benchmarks.section import Section
from benchmarks.series import Series

OURS: Final = "latchkey"
PEER: Final = "DRF SimpleRateThrottle"
BURST: Final = 60
PER_SECONDS: Final = 3600
_REQUESTS: Final = 320
_CONNECTIONS: Final = 32
_PEER_THREADS: Final = 8


def sections(*, quick: bool) -> list[Section]:
    """Measure with two and with four workers; return one section for each."""
    return [_section(workers, rounds=1 if quick else 3) for workers in (2, 4)]


def _section(workers: int, *, rounds: int) -> Section:
    ours = _ours(workers, rounds)
    return Section(
        f"admission-{workers}-workers",
        f"Let through of {_REQUESTS} parallel requests at {BURST} an hour, {workers} workers",
        "requests",
        OURS,
        (_series(OURS, ours), _series(PEER, _peer(workers, rounds))),
        (Condition(f"{OURS} lets through beyond the limit", max(map(beyond, ours), key=abs), "==", 0),),
    )


def beyond(tally: Tally) -> int:
    """Return how many more requests passed than a full bucket and its refill allow; negative if fewer passed."""
    return tally.statuses[200] - int(BURST + tally.seconds * BURST / PER_SECONDS)


def _ours(workers: int, rounds: int) -> list[Tally]:
    with (
        installation(workers=workers) as latchkey,
        connect(latchkey.port, workers=workers, connections=_CONNECTIONS) as load,
    ):
        limit = {"burst": BURST, "per_seconds": PER_SECONDS}
        return [_salvo(load, latchkey.issue(limit)) for _ in range(rounds)]


def _peer(workers: int, rounds: int) -> list[Tally]:
    with (
        _peer_serving(workers) as port,
        connect(port, workers=workers, connections=_CONNECTIONS) as load,
    ):
        return [_salvo(load, uuid4().hex) for _ in range(rounds)]


@contextmanager
def _peer_serving(workers: int) -> Iterator[int]:
    """Serve DRF with threaded workers, the usual way to run it; yield the port."""
    port = free_port()
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "benchmarks.rest_framework_settings",
    }
    options = ["--bind", f"127.0.0.1:{port}", "--workers", str(workers), "--threads", str(_PEER_THREADS)]
    keep = ["--worker-class", "gthread", "--keep-alive", "75", "--no-control-socket"]
    command = [sys.executable, "-m", "gunicorn", *options, *keep, "benchmarks.rest_framework_app:application"]
    with (
        TemporaryDirectory(prefix="latchkey-bench-") as directory,
        server.running(command, environment, Path(directory) / "server.log"),
    ):
        yield port


def _salvo(load: Load, credential: str) -> Tally:
    """Send all requests of one unused key over all connections in parallel. Raise CouldNotMeasure for other statuses.

    The expected statuses are 200 and 429.
    """
    tally = load.fire(get_request(paths.PROTECTED, x_api_key=credential), _REQUESTS)
    if not {200, 429}.issuperset(tally.statuses):
        raise CouldNotMeasure(f"The requests were answered {dict(tally.statuses)}.")
    return tally


def _series(name: str, tallies: Sequence[Tally]) -> Series:
    return Series(name, tuple(tally.statuses[200] for tally in tallies))
