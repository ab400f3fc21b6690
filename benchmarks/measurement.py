"""Measurements: series of rounds that are compared by ratio, and conditions on them. Shown as a table, kept as JSON."""

import operator
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final, Literal

ROOT: Final = Path(__file__).parent.parent
LATEST: Final = Path(__file__).parent / "results" / "latest.json"

Relation = Literal["<", "<=", ">=", "=="]
_HOLDS: Final = {"<": operator.lt, "<=": operator.le, ">=": operator.ge, "==": operator.eq}
_GREEN, _RED, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"


class CouldNotMeasure(RuntimeError):
    """A server did not start, or a candidate did something other than what was to be measured."""


@dataclass(frozen=True, slots=True)
class Series:
    """A candidate's name and its measurements, one a round."""

    name: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Return the median of the rounds: a round in which the machine was busy elsewhere does not move it."""
        return median(self.rounds)


def ratio(series: Series, base: Series) -> float:
    """Return the median ratio over the rounds, each compared with the round of `base` that was measured with it.

    A shared machine is slow or fast for seconds at a time. Both sides of a round get the same of it.
    """
    return median(value / other for value, other in zip(series.rounds, base.rounds, strict=True))


def interleaved(candidates: Mapping[str, Callable[[], float]], rounds: int) -> list[Series]:
    """Measure each candidate once a round, in turn (A B C A B C ...), so that other load affects all of them."""
    measured: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, measure in candidates.items():
            measured[name].append(measure())
    return series_of(measured)


def series_of(rounds: Mapping[str, Sequence[float]]) -> list[Series]:
    """Return a series for each name."""
    return [Series(name, tuple(values)) for name, values in rounds.items()]


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold: `value`, which `text` describes, is in `relation` to `bound`."""

    text: str
    value: float
    relation: Relation
    bound: float

    @property
    def holds(self) -> bool:
        """Return whether it holds. The value is compared as measured, not as shown."""
        return bool(_HOLDS[self.relation](self.value, self.bound))


@dataclass(frozen=True, slots=True)
class Section:
    """Candidates that were measured side by side, in `unit`, and the conditions on them. `base` is the name of the
    series that the others are compared with.
    """

    name: str
    title: str
    unit: str
    base: str
    series: Sequence[Series]
    conditions: Sequence[Condition] = ()

    def ratios(self) -> dict[str, float]:
        """Return the ratio of each series to the base, by name."""
        base = next(series for series in self.series if series.name == self.base)
        return {series.name: ratio(series, base) for series in self.series}

    @property
    def holds(self) -> bool:
        """Return whether every condition holds."""
        return all(condition.holds for condition in self.conditions)


def as_json(sections: Sequence[Section], *, quick: bool) -> dict[str, Any]:
    """Return the report: what the figures depend on, without naming the machine, and all sections."""
    machine = {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }
    return {
        "machine": machine,
        "quick": quick,
        "holds": all(section.holds for section in sections),
        "sections": [_section_as_json(section) for section in sections],
    }


def _section_as_json(section: Section) -> dict[str, Any]:
    return {
        **{field: getattr(section, field) for field in ("name", "title", "unit", "base")},
        "rounds": {series.name: list(series.rounds) for series in section.series},
        "medians": {series.name: series.median for series in section.series},
        "ratios": section.ratios(),
        "conditions": [asdict(condition) | {"holds": condition.holds} for condition in section.conditions],
    }


def as_table(section: Section, *, color: bool) -> str:
    """Return the section for people: its title, a line for each series, and a line for each condition."""
    ratios = section.ratios()
    rows = [("", "median", "lowest", "highest", f"x {section.base}")]
    for series in section.series:
        low, high = min(series.rounds), max(series.rounds)
        ratio_shown = f"{ratios[series.name]:.2f}"
        rows.append((series.name, figure(series.median), figure(low), figure(high), ratio_shown))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([f"  {row[0]:<{widths[0]}}", *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]  # names to the left, figures to the right
    return "\n".join([f"{section.title}, {section.unit}", *lines, *(_line(one, color) for one in section.conditions)])


def _line(condition: Condition, color: bool) -> str:
    word = "holds" if condition.holds else "FAILS"
    if color:
        word = f"{_GREEN if condition.holds else _RED}{word}{_PLAIN}"
    bound = f"{condition.relation} {condition.bound:g}"
    return f"  {word}  {condition.text}: {three_digits(condition.value)}, wanted {bound}"


def figure(value: float) -> str:
    """Return a measured value for people."""
    return f"{value:,.0f}" if value >= 100 or float(value).is_integer() else f"{value:.2f}"


def three_digits(value: float) -> str:
    """Return the value of a condition for people: a count as it is, anything else with three digits."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"
