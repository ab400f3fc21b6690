"""What a million keys may cost."""

import pytest

from benchmarks.gateway.key_numbers import FEW, MANY, SPREAD, section
from benchmarks.series import Series


@pytest.mark.parametrize(("many", "holds"), [(114.0, True), (116.0, False)])
def test_the_same_traffic_is_bounded_and_the_spread_one_is_not(many: float, holds: bool) -> None:
    measured = [Series(FEW, (100.0,)), Series(MANY, (many,)), Series(SPREAD, (5000.0,))]
    assert section(measured).holds is holds
