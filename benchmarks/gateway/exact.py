"""Accuracy of /v1/check: it counts every request, and allows no request beyond the limit."""

from collections.abc import Sequence
from typing import Final

from benchmarks import paths
from benchmarks.balance import connect
from benchmarks.condition import Condition
from benchmarks.gateway.names import WORKERS
from benchmarks.gateway.wrk import CONNECTIONS
from benchmarks.installation import Installation
from benchmarks.load import Tally, get_request
from benchmarks.section import Section
from benchmarks.series import Series

BURST: Final = 100
REQUESTS: Final = 1000
_HOURLY: Final = {"burst": BURST, "per_seconds": 3600}
_PASSES: Final = "204"
_REFUSED: Final = "429"
_OTHERS: Final = "any other"


def measure(latchkey: Installation, *, rounds: int, counted: int) -> list[Section]:
    """Send `counted` requests of one key, and 1,000 requests of an unused key in every round, over all workers.

    Return the sections.
    """
    with connect(latchkey.port, workers=WORKERS, connections=CONNECTIONS) as load:
        before = latchkey.allowed_total()
        tally = load.fire(get_request(paths.CHECK, x_api_key=latchkey.credential), counted)
        allowed = latchkey.allowed_total() - before
        keys = [latchkey.issue(_HOURLY, scopes=["orders:read"]) for _ in range(rounds)]
        salvos = [load.fire(get_request(paths.CHECK, x_api_key=key), REQUESTS) for key in keys]
    return [of_count(tally, allowed, counted), of_limit(salvos)]


def of_count(tally: Tally, allowed: int, counted: int) -> Section:
    """Return the section that compares the server's count with the responses, all of which were received."""
    passed = tally.statuses[204]
    conditions = (
        Condition("requests asked less those answered 204", counted - passed, "==", 0),
        Condition("requests let through, by the server's metrics less by the client", allowed - passed, "==", 0),
    )
    series = (Series("client", (passed,)), Series("server", (allowed,)))
    title = f"{counted:,} requests to /v1/check, as client and server count them"
    return Section("gateway-count", title, "requests", "client", series, conditions)


def of_limit(salvos: Sequence[Tally]) -> Section:
    """Return the section with the statuses of 1,000 requests of a key with 100 tokens, by round."""
    wanted = {_PASSES: BURST, _REFUSED: REQUESTS - BURST, _OTHERS: 0}
    answered = {
        _PASSES: [tally.statuses[204] for tally in salvos],
        _REFUSED: [tally.statuses[429] for tally in salvos],
    }
    answered[_OTHERS] = [
        tally.statuses.total() - passed - refused
        for tally, passed, refused in zip(salvos, answered[_PASSES], answered[_REFUSED], strict=True)
    ]
    conditions = tuple(
        Condition(
            f"answers {name}, furthest off", max(counts, key=lambda count: abs(count - wanted[name])), "==", bound
        )
        for (name, counts), bound in zip(answered.items(), wanted.values(), strict=True)
    )
    title = f"Answers to {REQUESTS:,} parallel requests of a key with {BURST} an hour, {WORKERS} workers"
    return Section(
        "gateway-limit",
        title,
        "requests",
        _PASSES,
        tuple(Series(name, tuple(counts)) for name, counts in answered.items()),
        conditions,
    )
