"""The monitoring kit as it lies under deploy/, read for the tests."""

import json
from typing import Any, Final

import yaml

from tests.support.commands import ROOT

PROMETHEUS: Final = ROOT / "deploy" / "prometheus"
CONFIG: Final = PROMETHEUS / "prometheus.yml"
RULES: Final = PROMETHEUS / "rules" / "latchkey.yml"
RULE_TESTS: Final = PROMETHEUS / "tests" / "latchkey_test.yml"
DASHBOARD: Final = ROOT / "deploy" / "grafana" / "latchkey.json"


def alerts() -> list[dict[str, Any]]:
    """Every alert rule."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return loaded


def panels() -> list[dict[str, Any]]:
    """Every panel that shows something; rows only head them."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries() -> list[tuple[str, str, str]]:
    """The title, the expression and the legend of each query of the dashboard."""
    return [
        (panel["title"], target["expr"], target["legendFormat"]) for panel in panels() for target in panel["targets"]
    ]


def expressions() -> list[str]:
    """Every PromQL expression of the kit."""
    return [alert["expr"] for alert in alerts()] + [expression for _, expression, _ in queries()]
