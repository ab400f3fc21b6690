"""Which effects of floods fail."""

from collections.abc import Callable

import pytest

from benchmarks.floods import of_floods
from tests.support.floods.effect import Effect
from tests.support.floods.target import STATUSES
from tests.support.open_loop import Responses


def responses(milliseconds: float, late: int = 0, status: int = 200) -> Responses:
    return Responses((status,) * 100, (milliseconds / 1000,) * (100 - late) + (1.0,) * late)


Change = Callable[[dict[str, Responses]], object]


def effect(change: Change = lambda _: None, *, flooded_ms: float = 49, peak_mb: float = 140) -> Effect:
    flooded = {path: responses(flooded_ms, 5, status) for path, status in STATUSES.items()}
    change(flooded)
    return Effect({path: responses(10) for path in STATUSES}, flooded, 100, peak_mb)


@pytest.mark.parametrize(
    ("found", "fails"),
    [
        (effect(), set()),
        (effect(flooded_ms=51), {"floods-health", "floods-v1-check", "floods-v1-whoami"}),
        (effect(lambda found: found.update({"/health": responses(1, 6)})), {"floods-health"}),
        (effect(lambda found: found.update({"/v1/check": responses(1, status=503)})), {"floods-v1-check"}),
        (effect(peak_mb=151), {"floods-memory"}),
    ],
)
def test_conditions(found: Effect, fails: set[str]) -> None:
    sections = of_floods({"harmless": [effect()], "found": [found]})
    assert {section.name for section in sections if not section.holds} == fails
