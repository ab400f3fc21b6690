"""What authentication, throttle and permission cost a view: /v1/whoami compared with the same view without them."""

from functools import partial
from typing import Final

from benchmarks.installation import installation
from benchmarks.load import Load, connect
from benchmarks.measurement import Condition, Section, interleaved, ratio
from tests.support.raw_http import get_request

BOUND: Final = 0.85
BARE: Final = "bare"
PROTECTED: Final = "protected"
_PATHS: Final = {BARE: "/v1/bare", PROTECTED: "/v1/whoami"}
_WORKERS: Final = 2


def sections(*, quick: bool) -> list[Section]:
    """Measure both over the same connections, so that both get the same workers."""
    rounds, requests = (5, 300) if quick else (31, 500)
    with (
        installation(workers=_WORKERS) as latchkey,
        connect(latchkey.port, workers=_WORKERS, connections=32) as load,
    ):
        sent = {name: get_request(path, x_api_key=latchkey.credential) for name, path in _PATHS.items()}
        for request in sent.values():
            _rate(load, request, requests)  # imports, caches, the first database connection
        before = latchkey.allowed_total()
        timed = {name: partial(_rate, load, request, requests) for name, request in sent.items()}
        bare, protected = interleaved(timed, rounds)
        uncounted = latchkey.allowed_total() - before - rounds * requests
    conditions = (
        Condition(f"{PROTECTED} over {BARE}", ratio(protected, bare), ">=", BOUND),
        Condition("allowed requests, by the server's metrics minus by the client", uncounted, "==", 0),
    )
    title = f"/v1/whoami, {_WORKERS} workers"
    return [Section("view", title, "requests/s", BARE, (bare, protected), conditions)]


def _rate(load: Load, request: bytes, requests: int) -> float:
    """Return the requests per second."""
    return requests / load.send_all(request, requests, status=200).seconds
