"""Medians, ratios and the order of rounds."""

from collections.abc import Callable

import pytest

from benchmarks.series import Series, interleaved, ratio


def test_median_odd_round_out() -> None:
    assert Series("a", (1.0, 2.0, 900.0)).median == 2.0


def test_median_even_number_of_rounds() -> None:
    assert Series("a", (1.0, 3.0)).median == 2.0


def test_ratio_is_of_the_first_over_the_second() -> None:
    assert ratio(Series("a", (1.0, 2.0, 3.0)), Series("b", (2.0, 4.0, 6.0))) == 0.5


def test_ratio_pairs_what_one_round_measured() -> None:
    """A machine that slows down fourfold from round to round moves both medians, and not the ratio."""
    assert ratio(Series("a", (1.0, 4.0, 16.0)), Series("b", (2.0, 8.0, 32.0))) == 0.5
    assert ratio(Series("a", (1.0, 1.0, 16.0)), Series("b", (2.0, 8.0, 32.0))) == 0.5


def test_ratio_needs_the_same_rounds() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratio(Series("a", (1.0,)), Series("b", (1.0, 2.0)))


def test_interleaved_takes_turns() -> None:
    turns: list[str] = []

    def candidate(name: str) -> Callable[[], float]:
        def measure() -> float:
            turns.append(name)
            return float(len(turns))

        return measure

    series = interleaved({"a": candidate("a"), "b": candidate("b")}, rounds=3)
    assert turns == ["a", "b", "a", "b", "a", "b"]
    assert series == [Series("a", (1.0, 3.0, 5.0)), Series("b", (2.0, 4.0, 6.0))]
