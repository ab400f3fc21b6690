"""The sections about the admin."""

import pytest

from benchmarks.admin import of_database

MEASURED = {
    "few": {"empty page": 2, "key list": 4},
    "many": {"empty page": 2, "key list": 4},
    "rounds": {"empty page": [[1.0] * 100, [2.0] * 100], "key list": [[*[2.0] * 90, *[8.0] * 10], [4.0] * 100]},
}


def test_percentiles_are_compared_with_the_empty_page() -> None:
    p50, p95, _ = of_database("SQLite", 20_000, MEASURED)
    assert (p50.name, p95.name) == ("admin-sqlite-p50", "admin-sqlite-p95")
    assert p50.ratios() == {"empty page": 1.0, "key list": 2.0}
    assert p95.ratios() == {"empty page": 1.0, "key list": 5.0}


@pytest.mark.parametrize(("milliseconds", "holds"), [(3.0, True), (3.1, False)])
def test_p95_of_the_slowest_page_is_bounded(milliseconds: float, holds: bool) -> None:
    rounds = {"empty page": [[1.0] * 60], "slowest": [[milliseconds] * 60], "plans": [[2.0] * 60]}
    _, p95, _ = of_database("PostgreSQL", 20_000, {**MEASURED, "rounds": rounds})
    (condition,) = p95.conditions
    assert "slowest" in condition.text
    assert p95.holds is holds


@pytest.mark.parametrize(("queries", "holds"), [(4, True), (5, False), (3, False)])
def test_queries_must_stay_as_many(queries: int, holds: bool) -> None:
    measured = {**MEASURED, "many": {"empty page": 2, "key list": queries}}
    section = of_database("PostgreSQL", 20_000, measured)[-1]
    assert section.holds is holds
