"""Effect of a flood: on the requests of other clients, and on the memory of the server."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.condition import Condition
from benchmarks.floods.flood import Flood
from benchmarks.floods.flooding import flooding
from benchmarks.floods.memory import processes_of, watched
from benchmarks.floods.probe import Responses
from benchmarks.floods.target import STATUSES, Target

TIMES_IDLE: Final = 5
SHARE: Final = 0.95
MEMORY_TIMES: Final = 1.5
LEAST_IDLE_MS: Final = 5.0
"""Minimum for the idle p99: lower values are raised to this, because no client notices the difference."""

# The flood starts this long before the measurement, because one-time work for the first request doesn't count.
_BEGINNING_SECONDS: Final = 1.0
_ONE_CLIENT_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Effect:
    """Measurements of one round: responses by path, at rest (`idle`) and during the flood (`flooded`), and memory.

    `idle` can hold several measurements, of which the slowest counts. `idle_mb` is the maximum memory in MB while one
    client does once per second what the flood does; `peak_mb` is the maximum during the flood.
    """

    # Memory at rest includes one client of the flood, because a single sign-in takes 100 MB, whether in a flood or not.
    # The slowest measurement at rest counts, because a shared machine is slow at times.
    idle: Sequence[Mapping[str, Responses]]
    flooded: Mapping[str, Responses]
    idle_mb: float
    peak_mb: float

    def idle_p99_ms(self, path: str) -> float:
        """Return the p99 at rest, in ms."""
        return max(measured[path].percentile_ms(99) for measured in self.idle)

    def share(self, path: str) -> float:
        """Return the share of the requests in the flood that got a good response within 5 times the idle p99."""
        return self.flooded[path].share(STATUSES[path], TIMES_IDLE * max(LEAST_IDLE_MS, self.idle_p99_ms(path)))


def measure(target: Target, flood: Flood, *, idle_seconds: float, seconds: float, twin: Target | None = None) -> Effect:
    """Measure the server at rest for `idle_seconds`, and during the flood for `seconds`. Raise CouldNotMeasure.

    `twin` is a server without a flood, measured at the same time as the flooded one. It is slow if the machine is.
    """
    processes = processes_of(target.process)
    with watched(processes) as of_one, flooding(flood.of_one_client(), target.port):
        time.sleep(_ONE_CLIENT_SECONDS)
    idle = [target.ask_at_rest(idle_seconds)]
    with watched(processes) as peak, flooding(flood, target.port), ThreadPoolExecutor() as threads:
        time.sleep(_BEGINNING_SECONDS)
        beside = [threads.submit(one.ask, seconds) for one in (twin,) if one]
        flooded = target.ask(seconds)
        idle += [one.result() for one in beside]
    return Effect(idle, flooded, of_one.mb, peak.mb)


def share_condition(flood: str, path: str, effects: Sequence[Effect]) -> Condition:
    """Return the condition for the requests to a path, from the effects of a flood on one server."""
    text = f"{path} in {flood}: share of requests within {TIMES_IDLE} x its idle p99"
    return Condition(text, median(effect.share(path) for effect in effects), ">=", SHARE)


def memory_condition(flood: str, effects: Sequence[Effect]) -> Condition:
    """Return the condition for the memory, from the effects of a flood on one server."""
    # Compared with the memory before the first effect, so that memory that is never freed counts too.
    peak = max(effect.peak_mb for effect in effects)
    return Condition(f"memory in {flood} over that at rest", peak / effects[0].idle_mb, "<=", MEMORY_TIMES)
