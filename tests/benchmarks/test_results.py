"""The report as JSON: programs read it, so its shape is held."""

import json
from pathlib import Path

from benchmarks import results
from tests.benchmarks.sections import section


def test_as_json_shape() -> None:
    report = results.as_json([section()], quick=True)
    assert set(report) == {"machine", "quick", "holds", "sections"}
    assert report["quick"] is True
    assert report["sections"] == [
        {
            "name": "decision",
            "title": "A decision",
            "unit": "µs",
            "base": "peer",
            "rounds": {"ours": [1.5, 1.0, 2.0], "peer": [3.0, 2.0, 1234.0]},
            "medians": {"ours": 1.5, "peer": 3.0},
            "ratios": {"ours": 0.5, "peer": 1.0},
            "conditions": [
                {"text": "ours over peer", "value": 0.5, "relation": "<=", "bound": 0.5, "holds": True},
            ],
        }
    ]


def test_as_json_holds_only_where_every_section_does() -> None:
    assert results.as_json([section(), section()], quick=False)["holds"] is True
    assert results.as_json([section(), section(bound=0.4)], quick=False)["holds"] is False


def test_machine_tells_what_figures_depend_on_and_not_whose_it_is() -> None:
    facts = results.machine()
    assert set(facts) == {"python", "implementation", "system", "architecture", "cores"}
    assert isinstance(facts["cores"], int)


def test_write_replaces_the_report_before(tmp_path: Path) -> None:
    path = tmp_path / "results" / "latest.json"
    for holds in (True, False):
        results.write({"holds": holds}, path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"holds": False}
