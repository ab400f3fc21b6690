"""How many parallel requests pass a limit over several workers: Latchkey's throttle, and REST framework's own."""

from collections.abc import Callable, Sequence
from typing import Final
from uuid import uuid4

from benchmarks.drf_peer import drf_peer
from benchmarks.installation import installation
from benchmarks.load import Load, Tally, connect
from benchmarks.measurement import Condition, CouldNotMeasure, Section, Series
from tests.support.raw_http import get_request

OURS: Final = "latchkey"
PEERS: Final = {"DRF SimpleRateThrottle": "/local", "DRF SimpleRateThrottle on Redis": "/redis"}
LIMIT: Final = {"burst": 60, "per_seconds": 3600}
_REQUESTS: Final = 320
_CONNECTIONS: Final = 32
_PEER_THREADS: Final = 8


def sections(*, quick: bool) -> list[Section]:
    """Return one section for each number of workers."""
    return [_section(workers, rounds=1 if quick else 3) for workers in (2, 4)]


def _section(workers: int, *, rounds: int) -> Section:
    with (
        installation(workers=workers) as latchkey,
        connect(latchkey.port, workers=workers, connections=_CONNECTIONS) as load,
    ):
        tallies = {OURS: _salvos(load, "/v1/whoami", lambda: latchkey.issue(LIMIT), rounds)}
    with (
        drf_peer(workers=workers, threads=_PEER_THREADS) as peer,
        connect(peer.port, workers=workers, connections=_CONNECTIONS) as load,
    ):
        tallies |= {name: _salvos(load, path, lambda: uuid4().hex, rounds) for name, path in PEERS.items()}
    off = max((beyond_limit(tally) for tally in tallies[OURS]), key=abs)
    return Section(
        f"admission-{workers}-workers",
        f"Allowed of {_REQUESTS} parallel requests at {LIMIT['burst']} an hour, {workers} workers",
        "requests",
        OURS,
        [Series(name, tuple(map(allowed, of_name))) for name, of_name in tallies.items()],
        [Condition(f"{OURS} allows beyond the limit", off, "==", 0)],
    )


def allowed(tally: Tally) -> int:
    """Return how many requests were allowed."""
    return tally.statuses[200] + tally.statuses[204]


def beyond_limit(tally: Tally) -> int:
    """Return how many more requests were allowed than a full bucket and its refill permit; negative if fewer were."""
    return allowed(tally) - int(LIMIT["burst"] + tally.seconds * LIMIT["burst"] / LIMIT["per_seconds"])


def _salvos(load: Load, path: str, new_key: Callable[[], str], rounds: int) -> Sequence[Tally]:
    """Send all requests with one new key over all connections, once a round."""
    tallies = [load.send(get_request(path, x_api_key=new_key()), _REQUESTS) for _ in range(rounds)]
    for tally in tallies:
        if not {200, 204, 429}.issuperset(tally.statuses):
            raise CouldNotMeasure(f"The statuses of the responses were {dict(tally.statuses)}.")
    return tallies
