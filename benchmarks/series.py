"""What one candidate showed, round by round, and how candidates are compared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Series:
    """A candidate's name and its measurements, one a round."""

    name: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of the rounds; an odd one out, when the machine was busy elsewhere, does not move it."""
        return median(self.rounds)


def ratio(series: Series, base: Series) -> float:
    """How many times `base` a series is: the median over the rounds, each beside the one that was taken with it.

    A machine that others use is slow or fast for seconds at a time. Both sides of one round meet the same of it.
    """
    pairs = zip(series.rounds, base.rounds, strict=True)
    return median(value / beside for value, beside in pairs)


def interleaved(candidates: Mapping[str, Callable[[], float]], rounds: int) -> list[Series]:
    """Measures each candidate once a round, in turn (A B C A B C ...), so that what else the machine does hits all."""
    measured: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, measure in candidates.items():
            measured[name].append(measure())
    return [Series(name, tuple(values)) for name, values in measured.items()]
