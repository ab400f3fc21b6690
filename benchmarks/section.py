"""Section of the report: candidates that were measured together, and their conditions."""

from dataclasses import dataclass

from benchmarks.condition import Condition
from benchmarks.series import Series, ratio


@dataclass(frozen=True, slots=True)
class Section:
    """Measurements of several candidates in `unit`. `base` is the name of the series for comparison."""

    name: str
    title: str
    unit: str
    base: str
    series: tuple[Series, ...]
    conditions: tuple[Condition, ...]

    def ratios(self) -> dict[str, float]:
        """Return the ratio of every series to the base, by name."""
        base = next(series for series in self.series if series.name == self.base)
        return {series.name: ratio(series, base) for series in self.series}

    @property
    def holds(self) -> bool:
        """Whether every condition holds."""
        return all(condition.holds for condition in self.conditions)
