"""The files for Prometheus are valid, and each alert fires on the right side of its boundary."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from health.guard_rails import GUARD_RAILS, Severity
from tests.deploy import kit
from tests.deploy.promql import names


@pytest.mark.needs("prometheus")
@pytest.mark.parametrize(
    "arguments", [("check", "config", kit.CONFIG), ("check", "rules", kit.RULES), ("test", "rules", kit.RULE_TESTS)]
)
def test_promtool_accepts_the_rules(arguments: tuple[str, ...]) -> None:
    result = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.needs("prometheus")
def test_promtool_accepts_rules_of_several_nodes(tmp_path: Path) -> None:
    """Where the credential is, for which it looks."""
    kept = shutil.copytree(kit.PROMETHEUS, tmp_path / "kit")
    (kept / "latchkey.credential").touch()
    command: list[str | Path] = ["promtool", "check", "config", kept / "nodes.yml"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_has_a_test() -> None:
    tested = set(re.findall(r"\bLatchkey\w+", kit.RULE_TESTS.read_text()))
    assert {alert["alert"] for alert in kit.alerts()} <= tested


def test_every_alert_has_annotations_and_severity() -> None:
    for alert in kit.alerts():
        assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
        assert set(alert["labels"]) == {"severity"}


def test_every_selector_names_the_job() -> None:
    for expression in kit.expressions():
        assert all("job" in labels for _, labels in names(expression).selectors), expression


def test_no_expression_uses_django_http_metrics() -> None:
    assert [expression for expression in kit.expressions() if "django_http_" in expression] == []


def test_critical_guard_rails_are_critical_alerts() -> None:
    (degraded,) = [alert for alert in kit.alerts() if alert["alert"] == "LatchkeyDegraded"]
    listed = re.search(r"\^\(([\w|]+)\)\$", degraded["labels"]["severity"])
    assert listed is not None
    assert set(listed[1].split("|")) == {rail.name for rail in GUARD_RAILS if rail.severity is Severity.CRITICAL}
