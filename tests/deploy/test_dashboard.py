"""The dashboard can be imported anywhere, and explains itself."""

import re
from itertools import combinations
from typing import Any

import pytest

from latchkey import metric_names
from tests.deploy import kit
from tests.deploy.promql import names

COLUMNS = 24
OF_THE_DATABASE = (metric_names.HEALTH_DEGRADED, metric_names.GUARD_RAIL_VIOLATIONS, metric_names.LAST_BACKUP)
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@pytest.mark.parametrize("panel", kit.panels(), ids=lambda panel: panel["title"])
def test_panel_explains_itself(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert all(target["legendFormat"] for target in panel["targets"])


def test_data_source_is_chosen_at_import() -> None:
    (variable,) = kit.dashboard()["templating"]["list"]
    assert (variable["type"], variable["name"]) == ("datasource", "datasource")
    for panel in kit.panels():
        assert all(source == SOURCE for source in (panel["datasource"], *(t["datasource"] for t in panel["targets"])))


def test_dashboard_has_no_identity_of_an_installation() -> None:
    assert not {"id", "uid", "version"} & kit.dashboard().keys()


def test_panels_do_not_overlap() -> None:
    def cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
        at = panel["gridPos"]
        return {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}

    every = kit.dashboard()["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    assert all(x < COLUMNS for panel in every for x, _ in cells(panel))
    assert [(a["title"], b["title"]) for a, b in combinations(every, 2) if cells(a) & cells(b)] == []


def test_every_metric_of_ours_is_shown() -> None:
    shown = {metric.removesuffix("_bucket") for _, query, _ in kit.queries() for metric in names(query).metrics}
    assert {value for name, value in vars(metric_names).items() if name.isupper()} <= shown


def test_database_metrics_are_not_summed_over_instances() -> None:
    for expression in kit.expressions():
        for metric in names(expression).metrics & set(OF_THE_DATABASE):
            taken = re.findall(
                rf"(?:max (?:by|without) \(\w+\) \((?:increase\()?|unless on \(job, instance\) ){metric}\b", expression
            )
            assert len(taken) == expression.count(metric), expression
