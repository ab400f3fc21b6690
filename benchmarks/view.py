"""View: the cost of authentication, throttling and permissions, from /v1/whoami and the same view without them."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from benchmarks import paths
from benchmarks.balance import connect
from benchmarks.condition import Condition
from benchmarks.failure import CouldNotMeasure
from benchmarks.installation import installation
from benchmarks.load import Load, get_request
from benchmarks.section import Section
from benchmarks.series import Series, interleaved, ratio

BOUND: Final = 0.85
BARE: Final = "bare"
PROTECTED: Final = "protected"
_WORKERS: Final = 2
_CONNECTIONS: Final = 32


def sections(*, quick: bool) -> list[Section]:
    """Measure the view with and without protection, in turn; return the section."""
    rounds, requests = (5, 300) if quick else (31, 500)
    with (
        installation(workers=_WORKERS) as latchkey,
        connect(latchkey.port, workers=_WORKERS, connections=_CONNECTIONS) as load,
    ):
        passed: Counter[str] = Counter()

        def prepared(name: str, path: str) -> Callable[[], float]:
            request = get_request(path, x_api_key=latchkey.credential)
            # Warm up imports, caches and the first database connections.
            load.fire(request, requests)
            return partial(_rate, load, request, requests, name, passed)

        # Both use the same connections, and thus the same workers.
        timed = {BARE: prepared(BARE, paths.BARE), PROTECTED: prepared(PROTECTED, paths.PROTECTED)}
        before = latchkey.allowed_total()
        bare, protected = interleaved(timed, rounds)
        counted = latchkey.allowed_total() - before
    return [_section(bare, protected, difference=counted - passed[PROTECTED])]


def _section(bare: Series, protected: Series, *, difference: int) -> Section:
    conditions = (
        Condition(f"{PROTECTED} over {BARE}", ratio(protected, bare), ">=", BOUND),
        Condition("requests let through, by the server's metrics less by the client", difference, "==", 0),
    )
    return Section("view", f"/v1/whoami, {_WORKERS} workers", "requests/s", BARE, (bare, protected), conditions)


def _rate(load: Load, request: bytes, requests: int, name: str, passed: Counter[str]) -> float:
    """Send the requests; return the rate per second, and add the number of 200 responses to `passed`.

    Raise CouldNotMeasure if there was any other response.
    """
    tally = load.fire(request, requests)
    passed[name] += tally.statuses[200]
    if tally.statuses[200] != requests:
        raise CouldNotMeasure(f"The {name} view answered {dict(tally.statuses)}.")
    return requests / tally.seconds
