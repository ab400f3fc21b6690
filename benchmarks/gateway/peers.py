"""/v1/check compared with a bare response, nginx and REST framework: responses per second, and latencies."""

from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks.drf_peer import Peer, drf_peer
from benchmarks.gateway.nginx import ASKING, LIMITED, nginx
from benchmarks.gateway.wrk import CONNECTIONS, Run, Wrk, run_evenly
from benchmarks.installation import Installation
from benchmarks.measurement import Condition, Section, Series, ratio

WORKERS: Final = 2
PATH: Final = "/v1/check?scope=orders:read"

CHECK: Final = "/v1/check"
BARE: Final = "bare ASGI answer"
LIMIT_REQ: Final = "nginx limit_req, 1 process"
AUTH_REQUEST: Final = "/v1/check through nginx"
PEER: Final = "DRF API key and throttle on Redis"

BOUNDS: Final = {(CHECK, BARE): 0.8, (CHECK, LIMIT_REQ): 0.4, (CHECK, PEER): 40, (AUTH_REQUEST, CHECK): 0.6}
"""The least ratio of the first to the second."""

_SECONDS: Final = 1
_SERVED_BY_WORKERS: Final = (CHECK, BARE, AUTH_REQUEST)
_COUNTED: Final = (CHECK, AUTH_REQUEST)
"""Those whose requests the server counts."""


def measure(latchkey: Installation, workers: Sequence[int], *, rounds: int) -> list[Section]:
    """Call each candidate once a round, in turn, and compare the server's own count with the responses.

    `workers` are the processes of the Latchkey.
    """
    with nginx(latchkey.port) as proxy, drf_peer(workers=2, threads=4) as peer:
        candidates = _candidates(latchkey, proxy, peer)
        kept: dict[str, list[Run]] = {name: [] for name in candidates}
        counted: list[Run] = []
        before = latchkey.allowed_total()
        for number in range(rounds + 1):
            for name, wrk in candidates.items():
                first, ours = number * 1000, name in _SERVED_BY_WORKERS
                runs = run_evenly(wrk, workers, _SECONDS, first) if ours else [wrk.run(_SECONDS, first)]
                if number:  # the first round fills caches
                    kept[name].append(runs[-1])
                if name in _COUNTED:
                    counted += runs
        uncounted = latchkey.allowed_total() - before - sum(run.requests for run in counted)
    counts = count_conditions(uncounted, runs=len(counted))
    return [of_rates(kept, counts), *(_of_latency(kept, percent) for percent in (50, 90, 99))]


def of_rates(runs: Mapping[str, Sequence[Run]], counts: Sequence[Condition]) -> Section:
    """Return the section of the responses per second."""
    rates = {name: Series(name, tuple(run.rate for run in of_name)) for name, of_name in runs.items()}
    conditions = [
        Condition(f"{ours} over {other}", ratio(rates[ours], rates[other]), ">=", bound)
        for (ours, other), bound in BOUNDS.items()
    ]
    title = f"/v1/check over {CONNECTIONS} connections, {WORKERS} workers"
    return Section("gateway-rate", title, "requests/s", BARE, [*rates.values()], [*conditions, *counts])


def _of_latency(runs: Mapping[str, Sequence[Run]], percent: int) -> Section:
    series = [
        Series(name, tuple(run.latency_ms[percent] for run in runs[name])) for name in (CHECK, BARE, LIMIT_REQ, PEER)
    ]
    title = f"Latency over {CONNECTIONS} connections, p{percent}"
    return Section(f"gateway-p{percent}", title, "ms", BARE, series)


def count_conditions(uncounted: int, *, runs: int) -> list[Condition]:
    """Bound the difference of the counts: wrk stops when its time is over, and the server still decides the requests
    that are under way, one on each connection.
    """
    text = "allowed requests, by the server's metrics minus by wrk"
    return [Condition(text, uncounted, ">=", 0), Condition(text, uncounted, "<=", CONNECTIONS * runs)]


def _candidates(latchkey: Installation, nginx: int, peer: Peer) -> dict[str, Wrk]:
    key = latchkey.credential
    ours, proxy = f"http://127.0.0.1:{latchkey.port}", f"http://127.0.0.1:{nginx}"
    return {
        CHECK: Wrk(ours + PATH, key),
        BARE: Wrk(ours + "/bare", key),
        LIMIT_REQ: Wrk(proxy + LIMITED, key),
        AUTH_REQUEST: Wrk(proxy + ASKING, key),
        PEER: Wrk(f"http://127.0.0.1:{peer.port}/check", credentials=peer.keys),
    }
