"""Whether /v1/check counts every request, and allows exactly as many as the limit."""

from collections.abc import Sequence
from typing import Final

from benchmarks.gateway.peers import PATH, WORKERS
from benchmarks.gateway.wrk import CONNECTIONS
from benchmarks.installation import Installation
from benchmarks.load import Tally, connect
from benchmarks.measurement import Condition, Section, Series
from tests.support.raw_http import get_request

BURST: Final = 100
REQUESTS: Final = 1000


def measure(latchkey: Installation, *, rounds: int, counted: int) -> list[Section]:
    """Send `counted` requests of one key, and a salvo for each of some new keys, to all workers."""
    with connect(latchkey.port, workers=WORKERS, connections=CONNECTIONS) as load:
        before = latchkey.allowed_total()
        tally = load.send(get_request(PATH, x_api_key=latchkey.credential), counted)
        allowed = latchkey.allowed_total() - before
        limit = {"burst": BURST, "per_seconds": 3600}
        keys = [latchkey.issue(limit, scopes=["orders:read"]) for _ in range(rounds)]
        salvos = [load.send(get_request(PATH, x_api_key=key), REQUESTS) for key in keys]
    return [of_count(tally, allowed, counted), of_limit(salvos)]


def of_count(tally: Tally, allowed: int, counted: int) -> Section:
    """Return the section that compares the server's count with that of a client that waited for each response."""
    passed = tally.statuses[204]
    conditions = [
        Condition("requests minus responses 204", counted - passed, "==", 0),
        Condition("allowed requests, by the server's metrics minus by the client", allowed - passed, "==", 0),
    ]
    series = [Series("client", (passed,)), Series("server", (allowed,))]
    title = f"{counted:,} requests to /v1/check, as client and server count them"
    return Section("gateway-count", title, "requests", "client", series, conditions)


def of_limit(salvos: Sequence[Tally]) -> Section:
    """Return the section of salvos of keys that have a tenth of the tokens."""
    wanted = {"204": BURST, "429": REQUESTS - BURST, "any other": 0}
    counts = {name: [tally.statuses[int(name)] for tally in salvos] for name in ("204", "429")}
    known = zip(*counts.values(), strict=True)
    counts["any other"] = [tally.statuses.total() - sum(of) for tally, of in zip(salvos, known, strict=True)]
    conditions = []
    for name, of_name in counts.items():
        furthest = max(of_name, key=lambda count: abs(count - wanted[name]))
        conditions.append(Condition(f"responses {name}, furthest off", furthest, "==", wanted[name]))
    title = f"Responses to {REQUESTS:,} parallel requests of a key with {BURST} an hour, {WORKERS} workers"
    series = [Series(name, tuple(of_name)) for name, of_name in counts.items()]
    return Section("gateway-limit", title, "requests", "204", series, conditions)
