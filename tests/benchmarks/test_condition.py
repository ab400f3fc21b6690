"""Conditions hold up to their bound, and are judged before they are rounded."""

import pytest

from benchmarks.condition import Condition, Relation


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
