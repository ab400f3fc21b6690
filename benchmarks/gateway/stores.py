"""Bucket stores: the rate of checks by bucket store, each in a separate Latchkey."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from benchmarks import paths
from benchmarks.balance import connect, workers_of
from benchmarks.condition import Condition
from benchmarks.gateway.evenly import run_evenly
from benchmarks.gateway.wrk import CONNECTIONS, Wrk
from benchmarks.installation import installation
from benchmarks.redis_server import RedisServer, running
from benchmarks.section import Section
from benchmarks.series import Series, ratio

BASE: Final = "lmdb://"
REDIS: Final = "redis://"
LEASED: Final = "redis:// with TOKEN_LEASE=1000"
OVER_BASE: Final = {REDIS: 0.55, LEASED: 0.9}

_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A bucket store to measure: its URL, or None for the installation's default; the number of workers; settings."""

    url: str | None
    workers: int = 2
    settings: Mapping[str, str] = field(default_factory=dict)


def measure(rounds: int) -> list[Section]:
    """Measure every store once per round, in turn; return the section."""
    with ExitStack() as stack:
        server = RedisServer()
        stack.enter_context(running(server))
        url = server.url
        # Everything shares the cores here, so a late response of Redis isn't an outage.
        patient = {"BUCKET_STORE_TIMEOUT_MS": "5000"}
        stores = {
            BASE: _Candidate(None),
            REDIS: _Candidate(url, settings=patient),
            LEASED: _Candidate(f"{url}?prefix=leased:", settings={**patient, "TOKEN_LEASE": "1000"}),
            # With one worker for comparison with memory://, which workers can't share.
            "lmdb://, 1 worker": _Candidate(None, workers=1),
            "memory://, 1 worker": _Candidate("memory://", workers=1),
        }
        asked = {name: _serve(stack, candidate) for name, candidate in stores.items()}
        rates: dict[str, list[float]] = {name: [] for name in asked}
        for number in range(rounds + 1):
            for name, (wrk, workers) in asked.items():
                rate = run_evenly(wrk, workers, _SECONDS, number * 1000)[-1].rate
                # The first round only warms up the caches.
                if number:
                    rates[name].append(rate)
    series = {name: Series(name, tuple(measured)) for name, measured in rates.items()}
    conditions = tuple(
        Condition(f"/v1/check on {name} over {BASE}", ratio(series[name], series[BASE]), ">=", bound)
        for name, bound in OVER_BASE.items()
    )
    title = f"/v1/check over {CONNECTIONS} connections by bucket store"
    return [Section("gateway-stores", title, "requests/s", BASE, tuple(series.values()), conditions)]


def _serve(stack: ExitStack, candidate: _Candidate) -> tuple[Wrk, list[int]]:
    """Serve a Latchkey with that store; return the load generator for it, and the process IDs of its workers."""
    latchkey = stack.enter_context(
        installation(workers=candidate.workers, store=candidate.url, settings=candidate.settings)
    )
    load = connect(latchkey.port, workers=candidate.workers, connections=CONNECTIONS)
    workers = workers_of(load)
    load.close()
    return Wrk(f"http://127.0.0.1:{latchkey.port}{paths.CHECK}", latchkey.credential), workers
