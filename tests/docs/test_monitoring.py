"""The pages about monitoring and the alerts name the same things, and each alert leads to its section of the runbook."""

import re
from pathlib import Path
from typing import Any

import pytest

from health.guard_rails import GUARD_RAILS
from tests.deploy import kit
from tests.support.commands import ROOT

GUIDE = ROOT / "docs" / "how-to" / "monitor.md"
ALERTS = ROOT / "docs" / "reference" / "alerts.md"
RUNBOOK = ROOT / "docs" / "how-to" / "respond-to-alerts.md"
IN_TABLE = r"^\| `(Latchkey\w+)` \| ([^|]+) \|"
SECTION = r"^## `(\w+)`\n(.*?)(?=^## |\Z)"


def found(pattern: str, page: Path = ALERTS) -> list[Any]:
    return re.findall(pattern, page.read_text(encoding="utf-8"), flags=re.MULTILINE)


def sections() -> dict[str, str]:
    """The runbook's sections by the alert in their heading."""
    return dict(re.findall(SECTION, RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL))


def test_alerts_are_described() -> None:
    assert [name for name, _ in found(IN_TABLE)] == [alert["alert"] for alert in kit.alerts()]


def test_each_alert_has_its_section_and_each_section_its_alert() -> None:
    headings = found(r"^## (.*)$", RUNBOOK)
    assert sorted(headings) == sorted(f"`{alert['alert']}`" for alert in kit.alerts())


@pytest.mark.parametrize("alert", kit.alerts(), ids=lambda alert: alert["alert"])
def test_alert_leads_to_its_section(alert: dict[str, Any]) -> None:
    assert alert["annotations"]["runbook_url"] == f"docs/how-to/respond-to-alerts.md#{alert['alert'].lower()}"


@pytest.mark.parametrize("name", [alert["alert"] for alert in kit.alerts()])
def test_section_says_what_it_means_how_to_confirm_it_and_what_to_do(name: str) -> None:
    assert re.findall(r"^\*\*(\w+)\.\*\*", sections()[name], flags=re.MULTILINE) == ["Meaning", "Confirm", "Do"]


def test_runbook_leads_to_the_page_of_each_guard_rail_that_degrades() -> None:
    listed = re.findall(
        r"^\| \[(\w+)\]\(\.\./guard-rails/(\w+)\.md\) \| (\w+) \|", sections()["LatchkeyDegraded"], re.MULTILINE
    )
    assert sorted(listed) == sorted(
        (rail.name, rail.name, rail.severity) for rail in GUARD_RAILS if rail.severity.degrades
    )


def test_each_alert_is_raised_by_a_fault() -> None:
    faults = ALERTS.read_text(encoding="utf-8").partition("## Which fault raises which alert")[2]
    rows = re.findall(r"^\| .* \|([^|]*)\|$", faults, re.MULTILINE)
    raised = {name for row in rows for name in re.findall(r"`(Latchkey\w+)`", row)}
    assert raised == {alert["alert"] for alert in kit.alerts()}


def test_severities() -> None:
    for name, severity in found(IN_TABLE):
        (alert,) = [alert for alert in kit.alerts() if alert["alert"] == name]
        assert alert["labels"]["severity"] == severity or "component" in alert["labels"]["severity"]


def test_files_are_there() -> None:
    listed = {ROOT / path for path in found(r"^\| `(deploy/[^`]+)` \|", GUIDE)}
    there = [path for part in ("prometheus", "grafana") for path in (ROOT / "deploy" / part).rglob("*")]
    assert listed == {path for path in there if path.is_file() and path.name != "latchkey.secret"}


def test_panels_to_watch_are_on_the_dashboard() -> None:
    watched = re.findall(r"\*\*([^*]+)\*\*", GUIDE.read_text(encoding="utf-8"))
    assert watched
    assert set(watched) <= {panel["title"] for panel in kit.panels()}
