"""What clients without a credential can do to those with one: each flood against its own server."""

from collections.abc import Callable, Mapping, Sequence
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
_WARM_UP_SECONDS: Final = 2.0


def sections(*, quick: bool) -> list[Section]:
    """Each round measures the idle server, and then the flooded one."""
    rounds, idle_seconds, seconds = (1, 2.0, 5.0) if quick else (3, 4.0, 10.0)
    return of_floods({flood.name: _effects(flood, rounds, idle_seconds, seconds) for flood in FLOODS})


def of_floods(effects: Mapping[str, Sequence[Effect]]) -> list[Section]:
    """Return a section for each path, and one for the memory. A line of each is a flood."""

    def section(name: str, title: str, unit: str, value: Callable[[Effect], float], bounds: list[Condition]) -> Section:
        series = [Series(flood, tuple(map(value, of_flood))) for flood, of_flood in effects.items()]
        return Section(name, f"{title}, {WORKERS} workers", unit, series[0].name, series, bounds)

    found = []
    for path in STATUSES:
        title = f"Requests to {path} in a flood with a good response within {TIMES_IDLE} x the idle p99"
        bounds = [
            Condition(f"{path} in {flood}", median(one.share(path) for one in of_flood), ">=", SHARE)
            for flood, of_flood in effects.items()
        ]
        share = section(f"floods{path.replace('/', '-')}", title, "share", lambda it, at=path: it.share(at), bounds)  # type: ignore[misc]
        found.append(share)
    bounds = [
        Condition(f"memory in {name}", memory_times(of_flood), "<=", MEMORY_TIMES) for name, of_flood in effects.items()
    ]
    title = "Peak memory of all processes in a flood over that with one client"
    return [*found, section("floods-memory", title, "ratio", lambda it: it.peak_mb / it.idle_mb, bounds)]


def _effects(flood: Flood, rounds: int, idle_seconds: float, seconds: float) -> list[Effect]:
    with TemporaryDirectory(prefix="latchkey-bench-") as directory:
        latchkey = Installation(Path(directory), workers=WORKERS)
        with few_descriptors(), latchkey.served() as process:
            target = Target(latchkey.port, latchkey.credential, process)
            target.call(_WARM_UP_SECONDS)
            return [measure(target, flood, idle_seconds=idle_seconds, seconds=seconds) for _ in range(rounds)]
