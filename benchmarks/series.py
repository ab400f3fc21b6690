"""Series of measurements of one candidate, and comparisons of candidates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Series:
    """A candidate's name and its measurements, one per round."""

    name: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median of the rounds."""
        # Unlike the mean, it is hardly affected by a single round in which the machine was busy with something else.
        return median(self.rounds)


def ratio(series: Series, base: Series) -> float:
    """Return the ratio of a series to `base`, which has as many rounds: the median of the ratios by round."""
    # By round, because a shared machine is slow or fast for seconds at a time, which affects both sides of one round.
    pairs = zip(series.rounds, base.rounds, strict=True)
    return median(value / beside for value, beside in pairs)


def interleaved(candidates: Mapping[str, Callable[[], float]], rounds: int) -> list[Series]:
    """Measure every candidate once per round, in turn (A B C A B C ...); return a series for each."""
    # In turn, so that whatever else the machine does affects all candidates.
    measured: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, measure in candidates.items():
            measured[name].append(measure())
    return [Series(name, tuple(values)) for name, values in measured.items()]
