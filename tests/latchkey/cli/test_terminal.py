"""What is shown on a terminal of 80 and of 200 columns, and through a pipe."""

import re
import subprocess
from typing import Any

import pytest

from tests.latchkey.cli.running import Latchkey
from tests.latchkey.cli.terminal import on_terminal

pytestmark = pytest.mark.slow("runs the installed command many times")

LABEL = "a label that says what the key is for, in many words, " * 3


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*[mK]", "", text)


@pytest.mark.parametrize("columns", [80, 200])
def test_tables_fit_the_terminal(latchkey: Latchkey, columns: int) -> None:
    created = latchkey.json("keys", "create", "--label", LABEL, "--owner", "somebody " * 20)
    exit_code, shown = on_terminal(latchkey, "keys", "list", "--q", created["key_id"], columns=columns)
    lines = plain(shown).splitlines()
    assert exit_code == 0
    assert max(len(line) for line in lines) <= columns
    assert created["key_id"] in lines[1], "it stands whole, to be copied"
    assert len(lines) > 2, "long texts are folded"
    _, fields = on_terminal(latchkey, "keys", "show", created["key_id"], columns=columns)
    assert max(len(line) for line in plain(fields).splitlines()) <= columns


def test_through_a_pipe_a_row_is_a_line(latchkey: Latchkey) -> None:
    created = latchkey.json("keys", "create", "--label", LABEL)
    ran = latchkey.run("keys", "list", "--q", created["key_id"], COLUMNS="80", TERM="xterm-256color")
    _, row = ran.out.splitlines()
    assert LABEL.strip() in row
    assert "\x1b" not in ran.out


def test_reader_that_leaves_early(latchkey: Latchkey, key: dict[str, Any]) -> None:
    for arguments in ("keys list --format json", "--help"):
        command = f"{latchkey.program} {arguments} | true; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(
            ["bash", "-c", command], env=latchkey.environment({}), capture_output=True, text=True, check=False
        )
        assert (done.stdout, done.stderr) == ("0\n", "")


def test_key_prompt_does_not_echo(latchkey: Latchkey, root: str) -> None:
    exit_code, shown = on_terminal(latchkey.with_key(None), "whoami", typed=root)
    assert exit_code == 0
    assert "API key (key_id:secret): " in shown
    assert root.partition(":")[2] not in shown


def test_revocation_is_confirmed(latchkey: Latchkey, key: dict[str, Any]) -> None:
    key_id = key["key_id"]
    exit_code, shown = on_terminal(latchkey, "keys", "revoke", key_id, columns=200, typed="yes")
    assert (exit_code, "Nothing was changed" in shown) == (2, True)
    assert latchkey.json("keys", "show", key_id)["state"] == "active"
    assert key["label"] in shown, "what is about to end is shown"
    assert on_terminal(latchkey, "keys", "revoke", key_id, typed=key_id)[0] == 0
    assert latchkey.json("keys", "show", key_id)["state"] == "revoked"


def test_finishing_an_unready_rotation_asks_first(latchkey: Latchkey, key: dict[str, Any]) -> None:
    key_id = latchkey.json("keys", "rotate", key["key_id"])["key_id"]
    exit_code, shown = on_terminal(latchkey, "keys", "finish-rotation", key_id, columns=200, typed="yes")
    assert (exit_code, "The new secret has never been used." in shown, "Nothing was changed" in shown) == (
        2,
        True,
        True,
    )
    assert len(latchkey.json("keys", "show", key_id)["secrets"]) == 2
    assert on_terminal(latchkey, "keys", "finish-rotation", key_id, typed=key_id)[0] == 0
    assert len(latchkey.json("keys", "show", key_id)["secrets"]) == 1


def test_drain_is_one_line_that_changes(latchkey: Latchkey, key: dict[str, Any]) -> None:
    waiting = ("--wait", "--quiet", "1s", "--even-if-unused")
    exit_code, shown = on_terminal(latchkey, "keys", "rotate", key["key_id"], *waiting, columns=200)
    (drain,) = [line for line in shown.split("\n") if "old secret: last used never" in line]
    assert exit_code == 0
    assert drain.count("\r\x1b[K") >= 3
    assert "idle for 0:01 of 0:01" in drain
    assert shown.endswith("the old secret was idle for long enough and has ended\n")
