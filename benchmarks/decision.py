"""What one decision costs in Latchkey's stores and in those of its peers.

`python -m benchmarks.decision ROUNDS TIMES` measures in the peers' environment, which has Latchkey's stores too: one
process, one Python, one set of versions. It prints the rounds as JSON.
"""

import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, Final, Literal, cast

from benchmarks.measurement import Condition, CouldNotMeasure, Section, interleaved, ratio, series_of
from benchmarks.servers import PEER_SETTINGS, output_of, peer_python

BOUND: Final = 0.5
LMDB: Final = "latchkey lmdb://"
THROTTLED: Final = "throttled-py"
_TITLES: Final = {"allow": "A decision that allows", "deny": "A decision that denies"}
_PAUSE_SECONDS: Final = 0.002

KEYS: Final = tuple(f"lk_{number:012}" for number in range(1000))
"""Used in turn. Fewer than the 1,024 that throttled-py's store holds, so that no peer evicts keys."""


@dataclass(frozen=True, slots=True)
class Quota:
    """`burst` requests in `per_seconds`, of which each key has used `spent` before the measurement. `letter` is REST
    framework's name of the period.
    """

    burst: int
    per_seconds: int
    letter: Literal["s", "h"]
    spent: int
    allows: bool


ALLOW: Final = Quota(1_000_000, 1, "s", spent=1, allows=True)
DENY: Final = Quota(10, 3600, "h", spent=10, allows=False)

Candidate = Callable[[Quota], Callable[[str], bool]]
"""Creates a limiter for a quota, and returns the function that decides whether a request with a key is allowed."""


def sections(*, quick: bool) -> list[Section]:
    """Bounds only the decision that allows: Latchkey writes a denial down to count it, and the others write nothing."""
    rounds = ("5", "10") if quick else ("11", "60")
    command = [peer_python(), "-m", "benchmarks.decision", *rounds]
    measured = json.loads(output_of(command, {**os.environ, **PEER_SETTINGS}))
    found = []
    for kind, of_kind in measured.items():
        series = series_of(of_kind)
        by_name = {one.name: one for one in series}
        value = ratio(by_name[LMDB], by_name[THROTTLED])
        conditions = [Condition(f"{LMDB} over {THROTTLED}, to allow", value, "<=", BOUND)] if kind == "allow" else []
        found.append(Section(f"decision-{kind}", _TITLES[kind], "µs", THROTTLED, series, conditions))
    return found


def _latchkey(url: Callable[[], str], quota: Quota) -> Callable[[str], bool]:
    from ratelimit.limit import Limit
    from ratelimit.stores import open_store

    take, limit = open_store(url()).take, Limit(quota.burst, quota.per_seconds)
    return lambda key: take(key.encode(), limit)[0]


def _throttled(quota: Quota) -> Callable[[str], bool]:
    library, limiters = import_module("throttled"), import_module("throttled.rate_limiter")
    rate, store = limiters.per_duration(timedelta(seconds=quota.per_seconds), quota.burst), library.MemoryStore()
    limit = library.Throttled(using="gcra", quota=rate, store=store).limit
    return lambda key: not limit(key).limited


def _limits(strategy: str, quota: Quota) -> Callable[[str], bool]:
    storage = import_module("limits.storage").MemoryStorage()
    hit = getattr(import_module("limits.strategies"), strategy)(storage).hit
    item = import_module("limits").RateLimitItemPerSecond(quota.burst, quota.per_seconds)
    return lambda key: bool(hit(item, key))


def _rest_framework(quota: Quota) -> Callable[[str], bool]:
    """Create a throttle object for each decision, like a view for each request."""
    from django.core.cache import cache
    from rest_framework.throttling import SimpleRateThrottle

    class Throttle(SimpleRateThrottle):
        rate = f"{quota.burst}/{quota.letter}"

        def get_cache_key(self, request: Any, view: Any) -> str:
            return str(request)

    cache.clear()
    view: Any = None
    return lambda key: Throttle().allow_request(cast(Any, key), view)


def _candidates(directory: Path) -> dict[str, Candidate]:
    return {
        LMDB: partial(_latchkey, lambda: f"lmdb://{mkdtemp(dir=directory)}"),
        "latchkey memory://": partial(_latchkey, lambda: "memory://"),
        THROTTLED: _throttled,
        "limits, fixed window": partial(_limits, "FixedWindowRateLimiter"),
        "limits, moving window": partial(_limits, "MovingWindowRateLimiter"),
        "DRF SimpleRateThrottle": _rest_framework,
    }


def _decide(is_allowed: Callable[[str], bool], times: int) -> int:
    """Decide for every key so many times, in turn; return how many requests were allowed."""
    return sum(is_allowed(key) for _ in range(times) for key in KEYS)


def _microseconds(candidate: Candidate, quota: Quota, times: int) -> float:
    """Return the time of one decision, over `times` decisions for each key, after each key was used."""
    is_allowed = candidate(quota)
    _decide(is_allowed, quota.spent)
    gc.collect()
    while threading.active_count() > 1:  # `limits` expires its entries on a timer
        time.sleep(_PAUSE_SECONDS)
    gc.disable()  # as timeit does: a collection would count for the candidate that is measured when it is due
    started = time.perf_counter()
    allowed = _decide(is_allowed, times)
    seconds = time.perf_counter() - started
    gc.enable()
    requests = times * len(KEYS)
    if allowed != (requests if quota.allows else 0):
        raise CouldNotMeasure(f"{allowed} of {requests} requests were allowed.")
    return seconds / requests * 1e6


def main(rounds: int, times: int) -> None:
    import_module("django").setup()
    measured = {}
    with TemporaryDirectory(prefix="latchkey-bench-") as directory:
        for kind, quota in (("allow", ALLOW), ("deny", DENY)):
            timed = {
                name: partial(_microseconds, candidate, quota, times)
                for name, candidate in _candidates(Path(directory)).items()
            }
            measured[kind] = {series.name: series.rounds for series in interleaved(timed, rounds)}
    json.dump(measured, sys.stdout)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
