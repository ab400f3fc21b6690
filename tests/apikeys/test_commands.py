import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apikeys.config_service import IssuedKey
from apikeys.models import APIKey
from events.models import Event
from tests.apikeys.test_rest import KEY_MEMBERS
from tests.conftest import Caller

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def run_json(*arguments: str) -> Any:
    out, _ = run(*arguments, "--format", "json")
    return json.loads(out)


def test_issue_key() -> None:
    issued = run_json(
        "issue_key", "--label", "ci", "--owner", "ada", "--scope", "a:b", "--scope", "c:d", "--burst", "5",
        "--per-seconds", "60", "--expires-in", "90d",
    )  # fmt: skip
    assert list(issued) == [*KEY_MEMBERS, "secret", "credential"]
    assert (issued["scopes"], issued["rate_limit"]) == (["a:b", "c:d"], {"burst": 5, "per_seconds": 60})
    assert issued["expires_at"] > issued["created_at"]
    assert Caller(issued["credential"]).get("/v1/whoami").status_code == 200
    event = Event.objects.get()
    assert event.actor == "command:issue_key"


def test_issue_key_as_table_shows_the_credential_once() -> None:
    out, err = run("issue_key", "--label", "ci", "--unlimited")
    assert out.count("lks_") == 1
    assert "unlimited" in out
    assert "lks_" not in err


def test_list_show_and_set(root: IssuedKey) -> None:
    key_id = root.key.key_id
    assert [item["key_id"] for item in run_json("list_keys")["items"]] == [key_id]
    assert run_json("list_keys", "--state", "disabled")["items"] == []
    assert list(run_json("show_key", key_id)) == KEY_MEMBERS
    assert run_json("set_rate_limit", key_id, "--unlimited")["rate_limit"] is None
    limit = run_json("set_rate_limit", key_id, "--rate-limit", '{"burst": 5, "per_seconds": 1}')["rate_limit"]
    assert limit == {"burst": 5, "per_seconds": 1}


def test_tables_are_aligned(root: IssuedKey) -> None:
    lines = run("list_keys")[0].splitlines()
    assert lines[0].startswith("KEY_ID")
    assert lines[0].index("LABEL") == lines[1].index("root")
    assert "1000 per 60 s" in lines[1]
    assert run("list_keys", "--q", "nothing")[0].strip() == "(none)"


def test_rotate_finish_and_revoke(root: IssuedKey) -> None:
    key_id = root.key.key_id
    rotated = run_json("rotate_key", key_id, "--grace", "1h")
    assert [secret["state"] for secret in rotated["secrets"]] == ["retiring", "active"]
    with pytest.raises(CommandError, match="rotation is under way") as caught:
        run("rotate_key", key_id)
    assert caught.value.returncode == 2
    assert len(run_json("finish_rotation", key_id)["secrets"]) == 1
    assert len(run_json("rotate_key", key_id, "--at-once")["secrets"]) == 1
    assert run_json("revoke_key", key_id, "--yes")["state"] == "revoked"
    with pytest.raises(CommandError, match="revoked already"):
        run("revoke_key", key_id, "--yes")


@pytest.mark.parametrize(
    "arguments",
    [
        ["show_key", "lk_000000000000"],
        ["issue_key", "--label", ""],
        ["issue_key", "--label", "x", "--scope", "NO"],
        ["issue_key", "--label", "x", "--unlimited", "--burst", "5"],
        ["issue_key", "--label", "x", "--burst", "5"],
        ["list_keys", "--limit", "0"],
        ["list_keys", "--cursor", "x"],
    ],
)
def test_refusals_exit_2_and_change_nothing(arguments: list[str]) -> None:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert caught.value.returncode == 2
    assert not APIKey.objects.exists()


@pytest.mark.parametrize("span", ["90", "d", "0d", "-1d", "1y", "9" * 20 + "d", "999999999w", "1.5d"])
def test_other_spans_are_refused(span: str) -> None:
    with pytest.raises(CommandError):
        run("issue_key", "--label", "x", f"--expires-in={span}")
