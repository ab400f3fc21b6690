"""How latencies are read off."""

from collections import Counter

import pytest

from benchmarks.load import Tally
from benchmarks.streams import percentile_ms


@pytest.mark.parametrize(("percent", "milliseconds"), [(50, 50.0), (99, 99.0)])
def test_percentile(percent: int, milliseconds: float) -> None:
    tally = Tally(Counter({200: 101}), 1.0, tuple(number / 1000 for number in reversed(range(101))))
    assert percentile_ms(tally, percent) == pytest.approx(milliseconds)
