import errno
import io
import json
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command, get_commands, load_command_class

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import APIKey
from events.models import Event
from latchkey.credentials import SECRET_FIELDS
from tests.api.test_keys import KEY_MEMBERS
from tests.conftest import Caller
from tests.support.terminal import Terminal

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
    assert list(issued) == [*KEY_MEMBERS, *SECRET_FIELDS]
    assert (issued["scopes"], issued["rate_limit"]) == (["a:b", "c:d"], {"burst": 5, "per_seconds": 60})
    assert issued["expires_at"] > issued["created_at"]
    assert Caller(issued["credential"]).get("/v1/whoami").status_code == 200
    event = Event.objects.get()
    assert event.actor == "command:issue_key"


def test_issue_key_accepts_time() -> None:
    end = "2099-03-28T02:30:00Z"
    assert run_json("issue_key", "--label", "ci", "--expires-in", end)["expires_at"] == end
    with pytest.raises(CommandError, match=r"must be a time such as .*, or a time span"):
        run("issue_key", "--label", "ci", "--expires-in", "2099-03-28")


def test_issue_key_table_shows_credential_once() -> None:
    out, err = run("issue_key", "--label", "ci", "--unlimited")
    assert [separator for separator in ":." if f"{separator}lks_" in out] == [":", "."]
    assert out.count("lks_") == 2
    assert "none" in out
    assert "lks_" not in err


def test_list_show_and_set(root: IssuedKey) -> None:
    key_id = root.key.key_id
    assert [item["key_id"] for item in run_json("list_keys")["items"]] == [key_id]
    assert run_json("list_keys", "--state", "disabled")["items"] == []
    assert len(run_json("list_keys", "--label", "root", "--state", "active")["items"]) == 1
    assert run_json("list_keys", "--owner", "root")["items"] == []
    assert list(run_json("show_key", key_id)) == [*KEY_MEMBERS, "limits"]
    assert run_json("set_rate_limit", key_id, "--unlimited")["rate_limit"] is None
    limit = run_json("set_rate_limit", key_id, "--rate-limit", '{"burst": 5, "per_seconds": 1}')["rate_limit"]
    assert limit == {"burst": 5, "per_seconds": 1}
    assert run_json("set_rate_limit", key_id, "--rate", "60/min")["rate_limit"] == {"burst": 60, "per_seconds": 60}


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
    with pytest.raises(CommandError, match="rotation is in progress") as caught:
        run("rotate_key", key_id)
    assert caught.value.returncode == 2
    assert len(run_json("finish_rotation", key_id, "--yes")["secrets"]) == 1
    assert len(run_json("rotate_key", key_id, "--at-once", "--yes")["secrets"]) == 1
    assert run_json("revoke_key", key_id, "--yes")["state"] == "revoked"
    with pytest.raises(CommandError, match="already revoked"):
        run("revoke_key", key_id, "--yes")


@pytest.mark.parametrize("command", [["revoke_key"], ["rotate_key", "--at-once"], ["finish_rotation"]], ids=" ".join)
class TestConfirmation:
    def test_yes_is_required_without_terminal(
        self, root: IssuedKey, service: ConfigService, command: list[str]
    ) -> None:
        service.rotate(root.key.key_id, {})
        before = list(Event.objects.values_list("type", flat=True))
        with pytest.raises(CommandError, match=r"without a terminal.*add --yes") as caught:
            run(*command, root.key.key_id)
        assert caught.value.returncode == 2
        assert list(Event.objects.values_list("type", flat=True)) == before

    @pytest.mark.parametrize("right", [True, False])
    def test_confirmation_on_terminal_is_key_id(
        self, root: IssuedKey, service: ConfigService, command: list[str], right: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        service.rotate(root.key.key_id, {})
        before = Event.objects.count()
        monkeypatch.setattr("sys.stdin", Terminal(f"{root.key.key_id}\n" if right else "yes\n"))
        out, err = io.StringIO(), Terminal()
        with nullcontext() if right else pytest.raises(CommandError, match="Nothing was changed"):
            call_command(*command, root.key.key_id, stdout=out, stderr=err)
        assert f"Type {root.key.key_id} to continue: " in err.getvalue()
        assert "Type" not in out.getvalue()
        assert (Event.objects.count() > before) is right


def test_unwritable_secret_is_reported(root: IssuedKey) -> None:
    for command in (["issue_key", "--label", "x"], ["rotate_key", root.key.key_id]):
        with pytest.raises(CommandError, match="could not be written, and is lost") as caught:
            call_command(*command, stdout=Full(), stderr=io.StringIO())
        assert caught.value.returncode == 3


class Full(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_verify_key_gets_limit_hint() -> None:
    issue = ("issue_key", "--label", "x", "--scope", "verify")
    err = run(*issue)[1]
    assert "60 per 60 s" in err
    assert "50 requests per second, that is 1000 per 10 s. Change it: manage.py set_rate_limit lk_" in err
    for more in (["--scope", "a:b"], ["--burst", "60", "--per-seconds", "60"], ["--unlimited"]):
        assert "headroom" not in run(*issue, *more)[1]


def own_commands() -> Iterator[tuple[str, BaseCommand]]:
    packages = {config.name for config in apps.get_app_configs() if (settings.BASE_DIR / config.name).is_dir()}
    for name, app in get_commands().items():
        if app in packages:
            yield name, load_command_class(app, name)


def test_invalid_arguments_are_explained() -> None:
    """argparse names a type by its function, and an enumeration's value by its class."""
    checked = 0
    for name, command in own_commands():
        for action in command.create_parser("manage.py", name)._actions:
            own = not any(option in ("--verbosity", "--settings") for option in action.option_strings)
            if own and action.choices is not None:
                checked += 1
                assert {type(choice) for choice in action.choices} == {str}, (name, action.dest)
            if own and action.type not in (None, Path):
                checked += 1
                with pytest.raises(ArgumentTypeError):
                    action.type("nope")  # type: ignore[operator]
    assert checked > 20


def test_invalid_argument_is_shown_without_secret(capsys: pytest.CaptureFixture[str], root: IssuedKey) -> None:
    with pytest.raises(SystemExit):
        load_command_class("apikeys", "show_key").run_from_argv(
            ["manage.py", "show_key", "x", root.credential.reveal()]
        )
    err = capsys.readouterr().err
    assert root.key.key_id in err
    assert root.credential.secret not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["show_key", "lk_000000000000"],
        ["issue_key", "--label", ""],
        ["issue_key", "--label", "x", "--scope", "NO"],
        ["issue_key", "--label", "x", "--unlimited", "--burst", "5"],
        ["issue_key", "--label", "x", "--rate", "60/min", "--burst", "5"],
        ["issue_key", "--label", "x", "--rate", "60"],
        ["issue_key", "--label", "x", "--burst", "5"],
        ["list_keys", "--limit", "0"],
        ["list_keys", "--owner", ""],
        ["list_keys", "--cursor", "x"],
    ],
)
def test_rejection_exits_2_and_changes_nothing(arguments: list[str]) -> None:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert caught.value.returncode == 2
    assert not APIKey.objects.exists()


@pytest.mark.parametrize("span", ["90", "d", "0d", "-1d", "1y", "9" * 20 + "d", "999999999w", "1.5d"])
def test_invalid_durations_are_rejected(span: str) -> None:
    with pytest.raises(CommandError):
        run("issue_key", "--label", "x", f"--expires-in={span}")


def test_confirmed_revocation_requires_shown_state(
    root: IssuedKey, service: ConfigService, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id = root.key.key_id

    class Slow(Terminal):
        def readline(self, *_: Any) -> str:  # type: ignore[override]
            service.update(key_id, {"label": "in use again"})
            return key_id

    monkeypatch.setattr("sys.stdin", Slow())
    with pytest.raises(CommandError, match="has changed since you read it"):
        call_command("revoke_key", key_id, stdout=io.StringIO(), stderr=Terminal())
    assert APIKey.objects.get().revoked_at is None
    monkeypatch.setattr("sys.stdin", Terminal(key_id))
    shown = Terminal()
    call_command("revoke_key", key_id, stdout=io.StringIO(), stderr=shown)
    assert "in use again" in shown.getvalue()
    assert APIKey.objects.get().revoked_at is not None


def test_finish_rotation_ends_named_secret(root: IssuedKey) -> None:
    retiring, active = run_json("rotate_key", root.key.key_id)["secrets"]
    with pytest.raises(CommandError, match="is not the retiring one"):
        run("finish_rotation", root.key.key_id, "--yes", "--secret", str(active["id"]))
    finished = run_json("finish_rotation", root.key.key_id, "--yes", "--secret", str(retiring["id"]))
    assert [secret["id"] for secret in finished["secrets"]] == [active["id"]]


def test_forget_records_appends_event_and_changes_no_key(root: IssuedKey) -> None:
    out, err = run("forget_records", "--format", "json")
    event = Event.objects.latest("id")
    assert json.loads(out) == {"event_id": event.id}
    assert (event.type, event.actor, event.key_id, event.data) == ("RecordsForgotten", "command:forget_records", "", {})
    assert "2 seconds" in err
    assert APIKey.objects.get().epoch == root.key.epoch
