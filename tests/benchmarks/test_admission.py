"""What counts as let through beyond a limit."""

from collections import Counter

import pytest

from benchmarks.admission import BURST, PER_SECONDS, beyond
from benchmarks.load import Tally

REFILL_SECONDS = PER_SECONDS / BURST


@pytest.mark.parametrize(
    ("passed", "seconds", "too_many"),
    [
        (BURST, 0.5, 0),
        (BURST + 1, 0.5, 1),
        (BURST - 1, 0.5, -1),
        (BURST + 1, REFILL_SECONDS, 0),
        (BURST + 1, REFILL_SECONDS - 0.1, 1),
    ],
)
def test_beyond(passed: int, seconds: float, too_many: int) -> None:
    assert beyond(Tally(Counter({200: passed, 429: 300}), seconds)) == too_many
