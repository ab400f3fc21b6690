"""The drain of a rotation: it lasts until the new secret has been in use alone, and then ends the old one."""

import signal
import subprocess
from typing import Any

import httpx
import pytest

from tests.latchkey.cli.running import Latchkey

pytestmark = pytest.mark.slow("runs the installed command many times")


def use(latchkey: Latchkey, credential: str) -> int:
    return httpx.get(f"{latchkey.url}/v1/whoami", headers={"X-API-Key": credential}).status_code


def until(running: "subprocess.Popen[str]", expected: str) -> str:
    """The line of standard error that tells it."""
    assert running.stderr is not None
    for line in running.stderr:
        if expected in line:
            return line
    raise AssertionError(f"it did not say: {expected}")


def test_wait_ends_old_secret_once_quiet(latchkey: Latchkey, key: dict[str, Any]) -> None:
    with latchkey.running("keys", "rotate", key["key_id"], "--wait", "--quiet", "2s") as running:
        assert running.stdout is not None
        until(running, "old secret: last used never, the new one is not used yet; it ends 20")
        new = running.stdout.read().strip()  # to its end, while the command waits
        assert use(latchkey, key["credential"]) == 200
        until(running, "old secret: last used 20")
        assert use(latchkey, new) == 200
        assert "idle for 0:0" in until(running, " of 0:02; it ends 20")
        until(running, "the old secret was idle for long enough and has ended")
        assert running.wait(20) == 0
    assert (use(latchkey, key["credential"]), use(latchkey, new)) == (401, 200)


def test_wait_ends_with_grace_if_new_secret_is_unused(latchkey: Latchkey, key: dict[str, Any]) -> None:
    ran = latchkey.run("keys", "rotate", key["key_id"], "--grace", "3s", "--wait", "--quiet", "1s")
    assert (ran.exit_code, "idle" in ran.err) == (0, False)
    assert ran.err.endswith("the old secret has already ended, and the new one was never used\n")


def test_unused_new_secret_can_count_as_used(latchkey: Latchkey, key: dict[str, Any]) -> None:
    ran = latchkey.run("keys", "rotate", key["key_id"], "--wait", "--quiet", "1s", "--even-if-unused")
    assert (ran.exit_code, ran.err.endswith("was idle for long enough and has ended\n")) == (0, True)
    assert use(latchkey, key["credential"]) == 401


def test_rotation_finished_by_another_client(latchkey: Latchkey, key: dict[str, Any]) -> None:
    with latchkey.running("keys", "rotate", key["key_id"], "--wait", "--quiet", "10s") as running:
        until(running, "old secret: ")
        assert latchkey.run("keys", "finish-rotation", key["key_id"], "--yes").exit_code == 0
        until(running, "the old secret has already ended")
        assert running.wait(20) == 0


def test_interrupted_drain_says_how_to_go_on(latchkey: Latchkey, key: dict[str, Any]) -> None:
    with latchkey.running("keys", "rotate", key["key_id"], "--wait") as running:
        until(running, "the new one is not used yet")
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
        assert running.returncode == 130
        assert f"end it with: latchkey keys finish-rotation {key['key_id']}" in err
    assert use(latchkey, key["credential"]) == 200


def test_self_rotation_polls_with_the_new_secret(latchkey: Latchkey) -> None:
    own = latchkey.json("keys", "create", "--label", "own", "--scope", "keys:read", "--scope", "keys:write")
    arguments = ("keys", "rotate", own["key_id"], "--wait", "--quiet", "1s")
    rejected = latchkey.with_key(own["credential"]).run(*arguments)
    assert (rejected.exit_code, rejected.out, "--even-if-unused" in rejected.err) == (2, "", True)
    ran = latchkey.with_key(own["credential"]).run(*arguments, "--even-if-unused")
    assert (ran.exit_code, ran.err.endswith("was idle for long enough and has ended\n")) == (0, True)
    assert latchkey.with_key(ran.out.strip()).run("whoami").exit_code == 0


def test_finish_asks_unless_rotation_is_ready(latchkey: Latchkey, key: dict[str, Any]) -> None:
    new = latchkey.json("keys", "rotate", key["key_id"])["credential"]
    unused = latchkey.run("keys", "finish-rotation", key["key_id"])
    assert (unused.exit_code, "The new secret has never been used." in unused.err) == (2, True)
    assert [use(latchkey, credential) for credential in (new, key["credential"])] == [200, 200]
    in_use = latchkey.run("keys", "finish-rotation", key["key_id"])
    assert (in_use.exit_code, "The old secret was used within the last hour." in in_use.err) == (2, True)
    writer = latchkey.json("keys", "create", "--label", "w", "--scope", "keys:write")["credential"]
    unseen = latchkey.with_key(writer).run("keys", "finish-rotation", key["key_id"])
    assert (unseen.exit_code, "keys:read" in unseen.err, use(latchkey, key["credential"])) == (2, True, 200)
    assert latchkey.with_key(writer).run("keys", "finish-rotation", key["key_id"], "--yes").exit_code == 0
    assert [use(latchkey, credential) for credential in (new, key["credential"])] == [200, 401]
    assert latchkey.run("keys", "finish-rotation", key["key_id"]).exit_code == 0, "nothing is left to ask about"
