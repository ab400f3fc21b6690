"""How candidates are compared, which conditions hold, and what people and programs read of it."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import __main__, measurement
from benchmarks.measurement import Condition, Relation, Section, Series, as_table, interleaved, ratio


def section(*, bound: float = 0.5) -> Section:
    ours, peer = Series("ours", (1.5, 1.0, 2.0)), Series("peer", (3.0, 2.0, 1234.0))
    return Section("decision", "A decision", "µs", "peer", [ours, peer], [Condition("ratio", 0.5, "<=", bound)])


def test_ratio_pairs_rounds() -> None:
    """A machine that slows down fourfold from round to round moves both medians, but not the ratio."""
    assert ratio(Series("a", (1.0, 4.0, 16.0)), Series("b", (2.0, 8.0, 32.0))) == 0.5
    assert ratio(Series("a", (1.0, 1.0, 16.0)), Series("b", (2.0, 8.0, 32.0))) == 0.5


def test_interleaved_takes_turns() -> None:
    turns: list[float] = []

    def measure() -> float:
        turns.append(len(turns))
        return turns[-1]

    assert interleaved({"a": measure, "b": measure}, rounds=3) == [Series("a", (0, 2, 4)), Series("b", (1, 3, 5))]


@pytest.mark.parametrize(
    ("value", "relation", "bound", "holds"),
    [
        (3, "<", 3, False),
        (0.5, "<=", 0.5, True),
        (0.5001, "<=", 0.5, False),
        (0.85, ">=", 0.85, True),
        (0.8499, ">=", 0.85, False),
        (-1, "==", 0, False),
    ],
)
def test_condition_is_checked_before_rounding(value: float, relation: Relation, bound: float, holds: bool) -> None:
    assert Condition("a", value, relation, bound).holds is holds


def test_table() -> None:
    assert as_table(section(), color=False) == (
        "A decision, µs\n"
        "        median  lowest  highest  x peer\n"
        "  ours    1.50       1        2    0.50\n"
        "  peer       3       2    1,234    1.00\n"
        "  holds  ratio: 0.5, wanted <= 0.5"
    )
    assert "\x1b[31mFAILS\x1b[0m" in as_table(section(bound=0.4), color=True)


@pytest.mark.parametrize(("bound", "status"), [(0.5, 0), (0.4, 1)])
def test_run_writes_json_and_returns_whether_all_hold(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bound: float, status: int
) -> None:
    latest = tmp_path / "results" / "latest.json"
    monkeypatch.setattr(measurement, "LATEST", latest)
    subject = SimpleNamespace(sections=lambda quick: [section(bound=bound)])
    monkeypatch.setattr(__main__, "import_module", lambda name: subject)
    assert __main__.run(["decision"], quick=True) == status
    report = json.loads(latest.read_text(encoding="utf-8"))
    assert set(report.pop("machine")) == {"python", "implementation", "system", "architecture", "cores"}
    condition = {"text": "ratio", "value": 0.5, "relation": "<=", "bound": bound, "holds": not status}
    assert report == {
        "quick": True,
        "holds": not status,
        "sections": [
            {
                "name": "decision",
                "title": "A decision",
                "unit": "µs",
                "base": "peer",
                "rounds": {"ours": [1.5, 1.0, 2.0], "peer": [3.0, 2.0, 1234.0]},
                "medians": {"ours": 1.5, "peer": 3.0},
                "ratios": {"ours": 0.5, "peer": 1.0},
                "conditions": [condition],
            }
        ],
    }
