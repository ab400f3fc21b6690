"""Completion: the scripts, and key IDs from the server."""

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.latchkey.cli.plans_server import PlansServer
from tests.latchkey.cli.running import Latchkey
from tests.latchkey.client.responses import KEY, json_response
from tests.latchkey.plans import OWNER, PLAN
from tests.latchkey.stub import StubResponse, stub

pytestmark = pytest.mark.slow("runs the installed command many times")


def completed(latchkey: Latchkey, words: str, **more: str) -> list[str]:
    count = len(words.split(" ")) - 1
    asked = {"_LATCHKEY_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(count), **more}
    ran = latchkey.run(**asked)
    assert (ran.exit_code, ran.err) == (0, "")
    return ran.out.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script(latchkey: Latchkey, shell: str, tmp_path: Path) -> None:
    ran = latchkey.with_key(None).run("completion", shell)
    assert (ran.exit_code, ran.err, "_LATCHKEY_COMPLETE" in ran.out) == (0, "", True)
    if shell == "bash":
        script = tmp_path / "script"
        script.write_text(ran.out)
        subprocess.run(["bash", "-n", str(script)], check=True)
    assert latchkey.run("completion", "csh").exit_code == 2


def test_script_completes_key_ids_in_bash(latchkey: Latchkey, key: dict[str, Any]) -> None:
    """The whole way: the script, the command and the server."""
    program = (
        f'eval "$({latchkey.program} completion bash)"; COMP_WORDS=({latchkey.program} keys show lk_); COMP_CWORD=3; '
        f'_latchkey_completion {latchkey.program}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(
        ["bash", "-c", program], env=latchkey.environment({}), capture_output=True, text=True, check=True
    )
    assert key["key_id"] in done.stdout.split()
    assert "lks_" not in done.stdout + done.stderr


@pytest.mark.parametrize("command", ["keys show", "keys disable", "keys rotate", "usage", "waivers grant x --key"])
def test_key_ids(latchkey: Latchkey, key: dict[str, Any], command: str) -> None:
    key_id = key["key_id"]
    assert key_id in completed(latchkey, f"latchkey {command} lk_")
    assert completed(latchkey, f"latchkey {command} {key_id[:10]}") == [key_id]
    assert completed(latchkey, f"latchkey {command} nothing") == []


def test_nothing_is_asked_and_nothing_is_said_without_a_key(latchkey: Latchkey) -> None:
    assert completed(latchkey.with_key(None), "latchkey keys show lk_") == []
    assert completed(latchkey.at("http://127.0.0.1:1"), "latchkey keys show lk_") == []
    assert completed(latchkey.with_key("nonsense"), "latchkey keys show lk_") == []
    assert not (latchkey.home / ".cache").exists()


def test_slow_server_is_given_up_soon(latchkey: Latchkey) -> None:
    def slow(_: object) -> StubResponse:
        time.sleep(3)
        return StubResponse()

    with stub(slow) as server:
        started = time.monotonic()
        assert completed(latchkey.at(server.url), "latchkey keys show lk_") == []
        assert time.monotonic() - started < 2.8


def test_id_that_is_none_is_not_offered(latchkey: Latchkey) -> None:
    """The server may be anyone's."""
    page = json_response({"items": [{**KEY, "key_id": "lk_$(touch pwned)"}, KEY], "next": None})
    with stub(lambda _: page) as server:
        assert completed(latchkey.at(server.url), "latchkey keys show lk_") == [KEY["key_id"]]


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("plans show", ["pro"]),
        ("keys update x --plan", ["pro"]),
        ("owners create x --plan", ["pro"]),
        ("owners show", ["acme"]),
        ("limits show --owner", ["acme"]),
        ("limits adjust monthly --owner", ["acme"]),
    ],
)
def test_names(remote: Latchkey, api: PlansServer, command: str, names: list[str]) -> None:
    api.plans["x"] = {**PLAN, "name": "$(touch pwned)"}
    api.owners["x"] = {**OWNER, "slug": "-x;touch"}
    assert completed(remote, f"latchkey {command} ") == names
    assert completed(remote, f"latchkey {command} {names[0][:2]}") == names
    assert completed(remote, f"latchkey {command} nothing") == []


def test_label_can_run_nothing_in_a_shell(latchkey: Latchkey) -> None:
    label = "a $(touch pwned) `touch pwned` ; 'touch' \"pwned\" \\"
    key_id = latchkey.json("keys", "create", "--label", label)["key_id"]
    words = f"latchkey keys show {key_id}"
    ran = latchkey.run(_LATCHKEY_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS=words)
    assert key_id in ran.out
    assert "a touch pwned touch pwned touch pwned" in " ".join(ran.out.split())
