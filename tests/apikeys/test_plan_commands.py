"""Management commands about plans, owners and limits."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError

from apikeys.config_service import ConfigService
from events.models import Event
from tests.apikeys.test_commands import run, run_json

pytestmark = pytest.mark.django_db(transaction=True)

RATE = {"name": "per_second", "rate": {"burst": 100, "per_seconds": 2_678_400}}
MONTHLY = {"name": "monthly", "shared": "owner", "quota": {"quota": 1000, "per": "month"}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "team.json"
    path.write_text(json.dumps({"limits": [RATE, MONTHLY]}))
    return path


def test_plan_is_created_changed_shown_and_deleted(file: Path) -> None:
    assert run_json("set_plan", "team", str(file))["name"] == "team"
    assert Event.objects.latest("id").actor == "command:set_plan"
    shown = run_json("show_plan", "team")
    assert [limit["name"] for limit in shown["limits"]] == ["per_second", "monthly"]
    shown["limits"][0]["rate"]["burst"] = 7
    file.write_text(json.dumps(shown))
    assert run_json("set_plan", "team", str(file)) == run_json("show_plan", "team") == shown
    table = run("show_plan", "team")[0]
    assert "7 per 2678400 s" in table
    assert "1000 per month (UTC)" in table
    assert run_json("list_plans") == {"items": [shown], "next": None}
    assert "per_second, monthly" in run("list_plans")[0]
    assert run_json("delete_plan", "team") == shown
    assert run_json("list_plans")["items"] == []


def test_plan_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b'{"limits": []}')))
    assert run_json("set_plan", "team", "-") == {"name": "team", "limits": []}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"limits": [', "team.json: "),
        ('{"name": "other", "limits": []}', "another name than team"),
        ('{"limits": [{"name": "a"}], "x": 1}', "/limits/0: "),
        ("[]", "must be a JSON object"),
    ],
)
def test_faults_in_the_file_are_named(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(CommandError, match=message) as caught:
        run("set_plan", "team", str(file))
    assert caught.value.returncode == 2
    with pytest.raises(CommandError, match="No such file"):
        run("set_plan", "team", str(file) + "x")


def test_pages_of_plans(file: Path) -> None:
    for name in ("a", "b"):
        run("set_plan", name, str(file))
    out, err = run("list_plans", "--limit", "1")
    assert "\nb " in out
    cursor = err.split()[-1]
    assert run("list_plans", "--limit", "1", "--cursor", cursor)[0].splitlines()[1].startswith("a ")


def test_owner_is_created_changed_and_listed(file: Path) -> None:
    run("set_plan", "team", str(file))
    created = run_json("set_owner", "ACME", "--plan", "team", "--slug", "acme", "--contact", "a", "--contact", "b")
    assert (created["slug"], created["plan"], created["contacts"]) == ("acme", "team", ["a", "b"])
    assert run_json("set_owner", "ACME", "--display-name", "Acme Inc.") == {**created, "display_name": "Acme Inc."}
    assert [owner["slug"] for owner in run_json("list_owners", "--plan", "team", "--q", "inc")["items"]] == ["acme"]
    with pytest.raises(CommandError, match="plan or owner is in use"):
        run("delete_plan", "team")
    with pytest.raises(CommandError, match="its slug is acme"):
        run("set_owner", "ACME", "--slug", "other")
    changed = run_json("set_owner", "ACME", "--no-plan", "--period-anchor", "2026-01-31")
    assert (changed["plan"], changed["period_anchor"]) == (None, "2026-01-31")


def test_limits_are_shown_and_adjusted(file: Path, service: ConfigService) -> None:
    run("set_plan", "team", str(file))
    run("set_owner", "ACME", "--plan", "team", "--slug", "acme")
    key_id = service.issue({"label": "x", "owner": "ACME"}).key.key_id
    limits: dict[str, Any] = {limit["name"]: limit for limit in run_json("show_limits", key_id)["limits"]}
    assert sorted(limits) == ["key", "monthly", "per_second"]
    assert run_json("show_limits", "--owner", "acme") == {"limits": [limits["monthly"]]}
    why = ["--limit", "monthly", "--reason", "outage"]
    assert run_json("adjust_limit", "--owner", "acme", "--used", "900", *why)["remaining"] == 100
    assert run_json("adjust_limit", "--owner", "acme", "--add=-500", *why)["used"] == 400
    own = ["--limit", "per_second", "--reason", "x", "--used", "50"]
    assert run_json("adjust_limit", key_id, *own)["used"] == 50
    assert "monthly" in run("show_limits", key_id)[0]
    assert run_json("show_key", key_id)["limits"]
    with pytest.raises(CommandError, match="No owner has this slug"):
        run("show_limits", "--owner", "other")


def test_issue_and_list_with_plan(file: Path) -> None:
    file.write_text(json.dumps({"limits": [RATE]}))
    run("set_plan", "team", str(file))
    key_id = run_json("issue_key", "--label", "x", "--plan", "team")["key_id"]
    assert [key["key_id"] for key in run_json("list_keys", "--plan", "team")["items"]] == [key_id]
    with pytest.raises(CommandError, match="/plan: "):
        run("issue_key", "--label", "x", "--plan", "other")
