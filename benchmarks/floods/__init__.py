"""Floods: how clients without a credential affect those with one. Every flood hits a separate server."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.floods.effect import Effect, measure, memory_condition, share_condition
from benchmarks.floods.flood import Flood
from benchmarks.floods.kinds import FLOODS
from benchmarks.floods.target import STATUSES, Target, few_descriptors
from benchmarks.installation import Installation
from benchmarks.section import Section
from benchmarks.series import Series

WORKERS: Final = 2
_IDLE: Final = "at rest"
_WARM_UP_SECONDS: Final = 2.0

Effects = Mapping[str, Sequence[Effect]]
"""Effects by flood, one per round."""


def sections(*, quick: bool) -> list[Section]:
    """Measure every flood, in every round first at rest and then during the flood; return the sections."""
    rounds, idle_seconds, seconds = (1, 2.0, 5.0) if quick else (3, 4.0, 10.0)
    return of_floods({flood.name: _effects(flood, rounds, idle_seconds, seconds) for flood in FLOODS})


def of_floods(effects: Effects) -> list[Section]:
    """Return the sections: one per path with latencies, and one with memory. Their rows are the floods."""
    return [*(_latency(path, effects) for path in STATUSES), _memory(effects)]


def _latency(path: str, effects: Effects) -> Section:
    idle = _at_rest({name: [one.idle_p99_ms(path) for one in taken] for name, taken in effects.items()})
    flooded = (
        Series(name, tuple(one.flooded[path].percentile_ms(95) for one in taken)) for name, taken in effects.items()
    )
    conditions = tuple(share_condition(name, path, taken) for name, taken in effects.items())
    title = f"p95 of {path} in a flood, and p99 at rest, {WORKERS} workers"
    return Section(f"floods{path.replace('/', '-')}", title, "ms", _IDLE, (idle, *flooded), conditions)


def _memory(effects: Effects) -> Section:
    idle = _at_rest({name: [one.idle_mb for one in taken] for name, taken in effects.items()})
    flooded = (Series(name, tuple(one.peak_mb for one in taken)) for name, taken in effects.items())
    conditions = tuple(memory_condition(name, taken) for name, taken in effects.items())
    title = f"Most memory of all processes in a flood, {WORKERS} workers"
    return Section("floods-memory", title, "MB", _IDLE, (idle, *flooded), conditions)


def _at_rest(rounds: Mapping[str, Sequence[float]]) -> Series:
    """Return the series at rest: for every round, the median over the floods' servers."""
    return Series(_IDLE, tuple(map(median, zip(*rounds.values(), strict=True))))


def _effects(flood: Flood, rounds: int, idle_seconds: float, seconds: float) -> list[Effect]:
    with TemporaryDirectory(prefix="latchkey-bench-") as directory:
        latchkey = Installation(Path(directory), workers=WORKERS)
        with few_descriptors(), latchkey.served() as process:
            target = Target(latchkey.port, latchkey.credential, process)
            target.ask(_WARM_UP_SECONDS)
            return [measure(target, flood, idle_seconds=idle_seconds, seconds=seconds) for _ in range(rounds)]
