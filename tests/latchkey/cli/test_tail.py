"""Following events: each once and in order, over cuts and from run to run."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.latchkey.cli.running import Latchkey
from tests.support.relay import Relay
from tests.support.server import RunningServer

pytestmark = pytest.mark.slow("runs the installed command many times")


@pytest.fixture
def relay(server: RunningServer) -> Iterator[Relay]:
    with Relay("127.0.0.1", server.port) as relay:
        yield relay


def change(latchkey: Latchkey, key: dict[str, Any], label: str) -> None:
    """An event, written without the command, which would take its time."""
    response = httpx.patch(
        f"{latchkey.url}/v1/keys/{key['key_id']}", json={"label": label}, headers={"X-API-Key": str(latchkey.api_key)}
    )
    assert response.status_code == 200


def read(running: "subprocess.Popen[str]", events: int) -> list[str]:
    """The labels that so many events tell."""
    assert running.stdout is not None
    lines = [running.stdout.readline() for _ in range(events)]
    return [json.loads(line)["data"].get("to", {}).get("label", "issued") for line in lines]


def end(running: "subprocess.Popen[str]") -> str:
    """What else it printed."""
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=20)
    assert (running.returncode, err) == (130, "")
    return out


def test_cut_stream_resumes_without_duplicates(
    latchkey: Latchkey, key: dict[str, Any], relay: Relay, tmp_path: Path
) -> None:
    follow = ("events", "tail", "--key", key["key_id"], "--format", "json", "--resume-file", "place")
    with latchkey.at(f"http://127.0.0.1:{relay.port}").running(*follow, "--after", "0") as running:
        assert read(running, 1) == ["issued"]
        for label in ("first", "second"):
            relay.cut()
            change(latchkey, key, label)
            assert read(running, 1) == [label]
        assert end(running) == ""
    assert relay.connections == 3
    place = int((tmp_path / "place").read_text())
    change(latchkey, key, "while nobody followed")
    with latchkey.running(*follow) as again:
        assert read(again, 1) == ["while nobody followed"]
        assert end(again) == ""
    assert int((tmp_path / "place").read_text()) > place
    assert [path.name for path in tmp_path.iterdir()] == ["place"]


def test_first_run_stores_its_start(latchkey: Latchkey, key: dict[str, Any], tmp_path: Path) -> None:
    follow = ("events", "tail", "--key", key["key_id"], "--format", "json", "--resume-file", "place")
    with latchkey.running(*follow):
        deadline = time.monotonic() + 20
        while not (tmp_path / "place").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
    change(latchkey, key, "while nobody followed")
    with latchkey.running(*follow) as again:
        assert read(again, 1) == ["while nobody followed"]


def test_table(latchkey: Latchkey, key: dict[str, Any]) -> None:
    follow = ("events", "tail", "--key", key["key_id"], "--after", "0", "--type", "KeyIssued")
    with latchkey.running(*follow) as running:
        assert running.stdout is not None
        line = running.stdout.readline().split("  ")
        assert (line[0].isdigit(), line[1][-1]) == (True, "Z")
        assert line[2].endswith(f" issued {key['key_id']}\n")


def test_stream_that_stays_away_is_given_up(latchkey: Latchkey, key: dict[str, Any], relay: Relay) -> None:
    follow = ("events", "tail", "--after", "0", "--key", key["key_id"], "--patience", "1s")
    with latchkey.at(f"http://127.0.0.1:{relay.port}").running(*follow) as running:
        assert running.stdout is not None
        running.stdout.readline()
        relay.set("refuse")
        _, err = running.communicate(timeout=20)
        assert (running.returncode, "The connection was refused" in err) == (3, True)


def test_rejected_key_ends_the_stream(latchkey: Latchkey) -> None:
    reader = latchkey.json("keys", "create", "--label", "reader", "--scope", "events:read")
    with latchkey.with_key(reader["credential"]).running("events", "tail", "--after", "0") as running:
        assert running.stdout is not None
        running.stdout.readline()
        assert latchkey.run("keys", "revoke", reader["key_id"], "--yes").exit_code == 0
        _, err = running.communicate(timeout=20)
        assert (running.returncode, "(401 revoked-key)" in err) == (2, True)


@pytest.mark.parametrize("content", ["", "-1", "soon", "9" * 20])
def test_resume_file_of_something_else(latchkey: Latchkey, tmp_path: Path, content: str) -> None:
    (tmp_path / "place").write_text(content)
    ran = latchkey.run("events", "tail", "--resume-file", "place")
    assert (ran.exit_code, "does not contain an event ID" in ran.err) == (2, True)


def test_resume_file_of_another_log(latchkey: Latchkey, tmp_path: Path) -> None:
    (tmp_path / "place").write_text("999999")
    ran = latchkey.run("events", "tail", "--resume-file", "place")
    assert (ran.exit_code, "/last-event-id: " in ran.err) == (2, True)
