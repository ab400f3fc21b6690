"""What clients without a credential can do to those with one: each flood against its own server."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.installation import Installation
from benchmarks.measurement import Condition, Section, Series
from tests.support.floods.effect import MEMORY_TIMES, SHARE, TIMES_IDLE, Effect, measure, memory_times
from tests.support.floods.kinds import FLOODS, Flood
from tests.support.floods.target import STATUSES, Target, few_descriptors

WORKERS: Final = 2
_IDLE: Final = "idle"
_WARM_UP_SECONDS: Final = 2.0

Effects = Mapping[str, Sequence[Effect]]
"""By flood, one a round."""


def sections(*, quick: bool) -> list[Section]:
    """Each round measures the idle server, and then the flooded one."""
    rounds, idle_seconds, seconds = (1, 2.0, 5.0) if quick else (3, 4.0, 10.0)
    return of_floods({flood.name: _effects(flood, rounds, idle_seconds, seconds) for flood in FLOODS})


def of_floods(effects: Effects) -> list[Section]:
    """Return the sections: the latency of each path, and the memory. A line of each is a flood."""
    return [*(_latency(path, effects) for path in STATUSES), _memory(effects)]


def _latency(path: str, effects: Effects) -> Section:
    idle = {name: [one.idle_p99_ms(path) for one in of_name] for name, of_name in effects.items()}
    flooded = {name: [one.flooded[path].percentile_ms(95) for one in of_name] for name, of_name in effects.items()}
    text = f"share of requests within {TIMES_IDLE} x its idle p99"
    conditions = [
        Condition(f"{path} in {name}: {text}", median(one.share(path) for one in of_name), ">=", SHARE)
        for name, of_name in effects.items()
    ]
    title = f"p95 of {path} in a flood, and p99 of the idle server, {WORKERS} workers"
    return Section(f"floods{path.replace('/', '-')}", title, "ms", _IDLE, _series(idle, flooded), conditions)


def _memory(effects: Effects) -> Section:
    idle = {name: [one.idle_mb for one in of_name] for name, of_name in effects.items()}
    flooded = {name: [one.peak_mb for one in of_name] for name, of_name in effects.items()}
    conditions = [
        Condition(f"memory in {name} over that with one client", memory_times(of_name), "<=", MEMORY_TIMES)
        for name, of_name in effects.items()
    ]
    title = f"Peak memory of all processes in a flood, {WORKERS} workers"
    return Section("floods-memory", title, "MB", _IDLE, _series(idle, flooded), conditions)


def _series(idle: Mapping[str, Sequence[float]], flooded: Mapping[str, Sequence[float]]) -> list[Series]:
    """Return the median over the idle servers, round by round, and each flood."""
    base = Series(_IDLE, tuple(map(median, zip(*idle.values(), strict=True))))
    return [base, *(Series(name, tuple(rounds)) for name, rounds in flooded.items())]


def _effects(flood: Flood, rounds: int, idle_seconds: float, seconds: float) -> list[Effect]:
    with TemporaryDirectory(prefix="latchkey-bench-") as directory:
        latchkey = Installation(Path(directory), workers=WORKERS)
        with few_descriptors(), latchkey.served() as process:
            target = Target(latchkey.port, latchkey.credential, process)
            target.call(_WARM_UP_SECONDS)
            return [measure(target, flood, idle_seconds=idle_seconds, seconds=seconds) for _ in range(rounds)]
