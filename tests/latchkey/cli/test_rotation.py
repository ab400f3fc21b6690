"""The drain of a rotation: it lasts while the old secret is used, and ends it when that is quiet."""

import signal
import subprocess
from typing import Any

import httpx

from tests.latchkey.cli.running import Latchkey


def use(latchkey: Latchkey, credential: str) -> int:
    return httpx.get(f"{latchkey.url}/v1/whoami", headers={"X-API-Key": credential}).status_code


def until(running: "subprocess.Popen[str]", told: str) -> str:
    """The line of standard error that tells it."""
    assert running.stderr is not None
    for line in running.stderr:
        if told in line:
            return line
    raise AssertionError(f"it did not say: {told}")


def test_use_of_the_old_secret_is_seen_and_its_quiet_ends_it(latchkey: Latchkey, key: dict[str, Any]) -> None:
    with latchkey.running("keys", "rotate", key["key_id"], "--wait", "--quiet", "2s") as running:
        until(running, "old secret: last used never, quiet 0:00 of 0:02; it ends 20")
        assert use(latchkey, key["credential"]) == 200
        until(running, "old secret: last used 20")
        until(running, "the old secret was quiet for long enough and has ended")
        out, _ = running.communicate(timeout=20)
        assert running.returncode == 0
    assert (use(latchkey, key["credential"]), use(latchkey, out.strip())) == (401, 200)


def test_rotation_that_somebody_else_finishes(latchkey: Latchkey, key: dict[str, Any]) -> None:
    with latchkey.running("keys", "rotate", key["key_id"], "--wait", "--quiet", "10s") as running:
        until(running, "old secret: ")
        assert latchkey.run("keys", "finish-rotation", key["key_id"]).exit_code == 0
        until(running, "the old secret has ended by itself")
        assert running.wait(20) == 0


def test_interrupted_drain_says_how_to_go_on(latchkey: Latchkey, key: dict[str, Any]) -> None:
    with latchkey.running("keys", "rotate", key["key_id"], "--wait") as running:
        until(running, "quiet 0:00 of 10:00")
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
        assert running.returncode == 130
        assert f"end it with: latchkey keys finish-rotation {key['key_id']}" in err
    assert use(latchkey, key["credential"]) == 200


def test_key_that_rotates_itself_watches_with_its_new_secret(latchkey: Latchkey) -> None:
    own = latchkey.json("keys", "create", "--label", "own", "--scope", "keys:read", "--scope", "keys:write")
    ran = latchkey.with_key(own["credential"]).run("keys", "rotate", own["key_id"], "--wait", "--quiet", "1s")
    assert (ran.exit_code, ran.err.endswith("was quiet for long enough and has ended\n")) == (0, True)
    assert latchkey.with_key(ran.out.strip()).run("whoami").exit_code == 0
