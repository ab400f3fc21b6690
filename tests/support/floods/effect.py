"""What a flood does to clients that do not attack: to their requests, and to the memory of the server."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from tests.support.floods.attack import attack
from tests.support.floods.kinds import Flood
from tests.support.floods.memory import peak_memory, processes_of
from tests.support.floods.target import STATUSES, Target
from tests.support.open_loop import Responses

TIMES_IDLE: Final = 5
SHARE: Final = 0.95
MEMORY_TIMES: Final = 1.5
LEAST_IDLE_MS: Final = 5.0
"""An idle p99 below that counts as that: no client notices the difference."""

# What a process creates once, for the first request of its kind, is not the flood's doing.
_BEGINNING_SECONDS: Final = 1.0
_ONE_CLIENT_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Effect:
    """What was measured: `idle` and `flooded` are responses by path. Memory is in MB: `idle_mb` is the peak while one
    client does once a second what the flood does, because any sign-in takes 100 MB, and `peak_mb` is that in the flood.
    """

    idle: Mapping[str, Responses]
    flooded: Mapping[str, Responses]
    idle_mb: float
    peak_mb: float

    def idle_p99_ms(self, path: str) -> float:
        """Return the p99 of the idle server, in ms."""
        return self.idle[path].percentile_ms(99)

    def share(self, path: str) -> float:
        """Return the share of the requests in the flood that got a good response within TIMES_IDLE times the idle p99."""
        return self.flooded[path].share(STATUSES[path], TIMES_IDLE * max(LEAST_IDLE_MS, self.idle_p99_ms(path)))

    def served(self, path: str) -> float:
        """Return the share of the requests in the flood that got a good response before their client gave up."""
        return self.flooded[path].share(STATUSES[path], inf)


def measure(target: Target, flood: Flood, *, idle_seconds: float, seconds: float) -> Effect:
    """Call the idle server for so long, and then the flooded one. Raises RuntimeError."""
    processes = processes_of(target.process)
    with peak_memory(processes) as of_one, attack(flood.of_one_client(), target.port):
        time.sleep(_ONE_CLIENT_SECONDS)
    idle = target.call_idle(idle_seconds)
    with peak_memory(processes) as peak, attack(flood, target.port):
        time.sleep(_BEGINNING_SECONDS)
        flooded = target.call(seconds)
    return Effect(idle, flooded, of_one.mb, peak.mb)


def memory_times(effects: Sequence[Effect]) -> float:
    """Return the peak of all effects over the memory before the first, so that memory that is never released counts."""
    return max(effect.peak_mb for effect in effects) / effects[0].idle_mb
