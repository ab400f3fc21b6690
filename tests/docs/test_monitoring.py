"""The page about monitoring and the alerts name the same things, and each alert leads to its page."""

import re
from typing import Any

import pytest

from health.guard_rails import GUARD_RAILS
from tests.deploy import kit
from tests.support.commands import ROOT

PAGE = ROOT / "docs" / "monitoring.md"
COMPONENT = "{{ $labels.component }}"
IN_TABLE = r"^\| `(Latchkey\w+)` \| ([^|]+) \|"
HEADING = r"^### `(\w+)`$"


def found(pattern: str) -> list[Any]:
    return re.findall(pattern, PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_alerts_are_described() -> None:
    names = [alert["alert"] for alert in kit.alerts()]
    assert [name for name, _ in found(IN_TABLE)] == names
    assert found(HEADING) == names


def test_severities() -> None:
    for name, severity in found(IN_TABLE):
        (alert,) = [alert for alert in kit.alerts() if alert["alert"] == name]
        assert alert["labels"]["severity"] == severity or "component" in alert["labels"]["severity"]


@pytest.mark.parametrize("alert", kit.alerts(), ids=lambda alert: alert["alert"])
def test_runbook_is_there(alert: dict[str, Any]) -> None:
    runbook = alert["annotations"]["runbook"]
    if COMPONENT in runbook:
        pages = [runbook.replace(COMPONENT, rail.name) for rail in GUARD_RAILS if rail.severity.degrades]
        assert [page for page in pages if not (ROOT / page).is_file()] == []
    else:
        assert runbook == f"docs/monitoring.md#{alert['alert'].lower()}"


def test_files_are_there() -> None:
    listed = {ROOT / path for path in found(r"^\| `(deploy/[^`]+)` \|")}
    there = [path for part in ("prometheus", "grafana") for path in (ROOT / "deploy" / part).rglob("*")]
    assert listed == {path for path in there if path.is_file() and path.name != "latchkey.secret"}


def test_panels_to_watch_are_on_the_dashboard() -> None:
    watched = re.findall(r"\*\*([^*]+)\*\*", PAGE.read_text(encoding="utf-8"))
    assert watched
    assert set(watched) <= {panel["title"] for panel in kit.panels()}
