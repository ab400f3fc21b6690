"""Conditions hold up to their bound, and are judged before they are rounded."""

import pytest

from benchmarks.condition import Condition, Relation, shown


@pytest.mark.parametrize(
    ("value", "relation", "bound", "holds"),
    [
        (2.9999, "<", 3, True),
        (3, "<", 3, False),
        (0.5, "<=", 0.5, True),
        (0.5001, "<=", 0.5, False),
        (0.85, ">=", 0.85, True),
        (0.8499, ">=", 0.85, False),
        (0, "==", 0, True),
        (1, "==", 0, False),
        (-1, "==", 0, False),
    ],
)
def test_holds(value: float, relation: Relation, bound: float, holds: bool) -> None:
    assert Condition("a", value, relation, bound).holds is holds


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (1690, "1,690"), (0.79999, "0.8"), (0.1234, "0.123"), (-1, "-1")]
)
def test_shown(value: float, text: str) -> None:
    assert shown(value) == text
