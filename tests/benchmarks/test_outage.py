"""Which outages fail."""

import pytest

from benchmarks.gateway.wrk import Run
from benchmarks.outage import Course, of_fallback


def course(p99: float = 20.0, failed: int = 0, seconds: float = 1.0) -> Course:
    run, during = Run(1000, 1.0, {99: 1.0}), Run(1000, 1.0, {99: p99}, failed)
    return Course({"before": run, "during": during, "after": run}, seconds)


@pytest.mark.parametrize(
    ("found", "fails"),
    [
        (course(), []),
        (course(p99=50.0), ["outage-local-p99"]),
        (course(failed=1), ["outage-local-failed"]),
        (course(seconds=5.01), ["outage-local-return"]),
    ],
)
def test_conditions(found: Course, fails: list[str]) -> None:
    sections = of_fallback("local", {"killed": [course(), found, found]})
    assert [section.name for section in sections if not section.holds] == fails
    assert sections[1].ratios()["requests"] == 1
