"""Timing of all candidates' decisions in one process of the other libraries' environment; prints rounds as JSON."""

import gc
import json
import sys
import threading
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import django

from benchmarks.decision import latchkey_stores, limits_strategies, names, rest_framework_throttle, throttled_py
from benchmarks.decision.candidate import Make
from benchmarks.decision.quota import ALLOWING, DENYING, KEYS, Quota
from benchmarks.failure import CouldNotMeasure
from benchmarks.series import interleaved

_PAUSE_SECONDS: Final = 0.002


def candidates(directory: Path) -> dict[str, Make]:
    """Return every candidate by its name in the report."""
    return {
        names.LMDB: latchkey_stores.lmdb_in(directory),
        names.MEMORY: latchkey_stores.memory,
        names.THROTTLED: throttled_py.throttled,
        names.THROTTLED_BARE: throttled_py.bare_limiter,
        names.LIMITS_FIXED: limits_strategies.fixed_window,
        names.LIMITS_MOVING: limits_strategies.moving_window,
        names.REST_FRAMEWORK: rest_framework_throttle.simple_rate_throttle,
    }


def microseconds(make: Make, quota: Quota, times: int) -> float:
    """Return the microseconds of one decision of a new candidate, averaged over `times` decisions on every key.

    Every key is used before the timing starts. Raise CouldNotMeasure if the decisions aren't those of the quota.
    """
    decide = make(quota, KEYS)
    decide(quota.spent)
    asked = times * len(KEYS)
    _settle()
    # Like timeit: otherwise a garbage collection counts for the candidate that happens to be timed.
    gc.disable()
    started = time.perf_counter()
    allowed = decide(times)
    seconds = time.perf_counter() - started
    gc.enable()
    if allowed != (asked if quota.allows else 0):
        raise CouldNotMeasure(f"{allowed} of {asked} requests passed")
    return seconds / asked * 1e6


def _settle() -> None:
    """Wait until all threads of earlier candidates have ended."""
    # `limits` expires its entries on a timer thread, which would take time from the candidate after it.
    gc.collect()
    while threading.active_count() > 1:
        time.sleep(_PAUSE_SECONDS)


def main() -> None:
    rounds, times = map(int, sys.argv[1:])
    django.setup()
    measured = {}
    with TemporaryDirectory(prefix="latchkey-bench-") as directory:
        for path, quota in (("allow", ALLOWING), ("deny", DENYING)):
            makes = candidates(Path(directory))
            timed = {name: partial(microseconds, make, quota, times) for name, make in makes.items()}
            measured[path] = {series.name: series.rounds for series in interleaved(timed, rounds)}
    json.dump(measured, sys.stdout)


if __name__ == "__main__":
    main()
