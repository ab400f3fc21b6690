"""Decisions: the time of one rate limit decision, in Latchkey's stores and in other libraries."""

import json
import os
import subprocess
from typing import Final

from benchmarks.condition import Condition
from benchmarks.decision import names
from benchmarks.failure import CouldNotMeasure
from benchmarks.peer_environment import ROOT, peer_python
from benchmarks.section import Section
from benchmarks.series import Series, ratio

BOUND: Final = 0.5
_TITLES: Final = {"allow": "A decision that allows", "deny": "A decision that denies"}


def sections(*, quick: bool) -> list[Section]:
    """Measure decisions that allow and decisions that deny; return one section for each. Raise CouldNotMeasure."""
    # Latchkey's stores run in the other libraries' environment, so that all share one process and one Python.
    rounds, times = (5, 10) if quick else (11, 60)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "benchmarks.rest_framework_settings",
    }
    command = [str(peer_python()), "-m", "benchmarks.decision.rounds", str(rounds), str(times)]
    child = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=False)
    if child.returncode:
        raise CouldNotMeasure("The process that times decisions failed; see above.")
    return [_section(path, measured) for path, measured in json.loads(child.stdout).items()]


def _section(path: str, measured: dict[str, list[float]]) -> Section:
    series = {name: Series(name, tuple(rounds)) for name, rounds in measured.items()}
    return Section(
        f"decision-{path}", _TITLES[path], "µs", names.THROTTLED, tuple(series.values()), _conditions(path, series)
    )


def _conditions(path: str, series: dict[str, Series]) -> tuple[Condition, ...]:
    """Return the bound for a decision that allows; none for one that denies."""
    # A denial isn't comparable: Latchkey writes it down to count it, and the others write nothing.
    if path != "allow":
        return ()
    of_lmdb = ratio(series[names.LMDB], series[names.THROTTLED])
    return (Condition(f"{names.LMDB} over {names.THROTTLED}, to allow", of_lmdb, "<=", BOUND),)
