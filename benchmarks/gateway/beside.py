"""Comparison of /v1/check with a bare response, nginx and Django REST framework: requests per second and latencies."""

from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks import paths
from benchmarks.condition import Condition
from benchmarks.gateway.evenly import run_evenly
from benchmarks.gateway.names import (
    AUTH_REQUEST,
    BARE,
    CHECK,
    LIMIT_REQ,
    OVER_BARE,
    OVER_LIMIT_REQ,
    OVER_PEER,
    PEER,
    THROUGH_NGINX,
    WORKERS,
)
from benchmarks.gateway.nginx import ASKED, LIMITED
from benchmarks.gateway.peer import CHECK as PEER_CHECK
from benchmarks.gateway.peer import Peer
from benchmarks.gateway.wrk import CONNECTIONS, Run, Wrk
from benchmarks.installation import Installation
from benchmarks.section import Section
from benchmarks.series import Series, ratio

_SECONDS: Final = 1
_LATENCIES: Final = (CHECK, BARE, LIMIT_REQ, PEER)
_OURS: Final = (CHECK, BARE, AUTH_REQUEST)
_OF_KEYS: Final = (CHECK, AUTH_REQUEST)
"""Candidates whose requests the server counts."""


def measure(
    latchkey: Installation, workers: Sequence[int], nginx: int, peer: Peer | None, rounds: int
) -> list[Section]:
    """Measure every candidate once per round, in turn; return the sections.

    Also compare the server's own count of requests with the number of responses. `workers` are the process IDs of
    Latchkey's workers, and `nginx` is the port of nginx.
    """
    candidates = _candidates(latchkey, nginx, peer)
    kept: dict[str, list[Run]] = {name: [] for name in candidates}
    counted: list[Run] = []
    before = latchkey.allowed_total()
    for number in range(rounds + 1):
        for name, wrk in candidates.items():
            first = number * 1000
            ours = name in _OURS
            runs = run_evenly(wrk, workers, _SECONDS, first) if ours else [wrk.run(_SECONDS, first)]
            # The first round only warms up the caches.
            if number:
                kept[name].append(runs[-1])
            if name in _OF_KEYS:
                counted += runs
    uncounted = latchkey.allowed_total() - before - sum(run.requests for run in counted)
    counts = count_conditions(uncounted, runs=len(counted))
    return [of_rates(kept, counts), *(of_latency(kept, percent) for percent in (50, 90, 99))]


def of_rates(runs: Mapping[str, Sequence[Run]], counts: tuple[Condition, ...]) -> Section:
    """Return the section with requests per second, and conditions for their ratios."""
    rates = {name: Series(name, tuple(run.rate for run in taken)) for name, taken in runs.items()}
    pairs = (
        (CHECK, BARE, OVER_BARE),
        (CHECK, LIMIT_REQ, OVER_LIMIT_REQ),
        (CHECK, PEER, OVER_PEER),
        (AUTH_REQUEST, CHECK, THROUGH_NGINX),
    )
    conditions = [
        Condition(f"{ours} over {other}", ratio(rates[ours], rates[other]), ">=", bound)
        for ours, other, bound in pairs
        if other in rates
    ]
    title = f"/v1/check over {CONNECTIONS} connections, {WORKERS} workers"
    return Section("gateway-rate", title, "requests/s", BARE, tuple(rates.values()), (*conditions, *counts))


def of_latency(runs: Mapping[str, Sequence[Run]], percent: int) -> Section:
    """Return the section with that percentile of the latency."""
    series = tuple(
        Series(name, tuple(run.latency_ms[percent] for run in runs[name])) for name in _LATENCIES if name in runs
    )
    title = f"Latency over {CONNECTIONS} connections, p{percent}"
    return Section(f"gateway-p{percent}", title, "ms", BARE, series, ())


def count_conditions(uncounted: int, *, runs: int) -> tuple[Condition, ...]:
    """Return the conditions for `uncounted`: the requests that the server allowed beyond the responses wrk received.

    `runs` is the number of runs of wrk.
    """
    # wrk stops when its time is over. The server still decides the requests that are in flight then, at most one per
    # connection and run.
    text = "requests let through, by the server's metrics less by wrk"
    return (Condition(text, uncounted, ">=", 0), Condition(text, uncounted, "<=", CONNECTIONS * runs))


def _candidates(latchkey: Installation, nginx: int, peer: Peer | None) -> dict[str, Wrk]:
    key = latchkey.credential
    ours, proxy = f"http://127.0.0.1:{latchkey.port}", f"http://127.0.0.1:{nginx}"
    candidates = {
        CHECK: Wrk(ours + paths.CHECK, key),
        BARE: Wrk(ours + paths.BARE_ASGI, key),
        LIMIT_REQ: Wrk(proxy + LIMITED, key),
        AUTH_REQUEST: Wrk(proxy + ASKED, key),
    }
    if peer is not None:
        candidates[PEER] = Wrk(f"http://127.0.0.1:{peer.port}{PEER_CHECK}", credentials=peer.keys)
    return candidates
