"""A call is found again: in the server's log, in its events, in the telemetry of the command."""

import json
import time
from typing import Any

import pytest

from tests.latchkey.cli.running import Latchkey
from tests.latchkey.dripping import dripping
from tests.latchkey.stub import StubResponse, stub
from tests.support.server import RunningServer

pytestmark = pytest.mark.slow("runs the installed command many times")


def lines(server: RunningServer, request_id: str) -> list[dict[str, Any]]:
    """The lines of the server's log that `grep` finds."""
    return [json.loads(line) for line in server.log.splitlines() if f'"request_id": "{request_id}"' in line]


def test_request_id_of_a_failed_call_finds_its_line(latchkey: Latchkey, server: RunningServer) -> None:
    ran = latchkey.run("keys", "show", "lk_000000000000")
    request_id = ran.err.rpartition("Request ID: ")[2].strip()
    (line,) = lines(server, request_id)
    assert (line["event"], line["status"], line["trace_id"]) == ("request", 404, request_id)


def test_request_id_links_event_and_failure(latchkey: Latchkey, server: RunningServer, key: dict[str, Any]) -> None:
    named = ("--request-id", "deploy-7.b")
    assert latchkey.run("keys", "rotate", key["key_id"], *named).exit_code == 0
    assert "Request ID: deploy-7.b\n" in latchkey.run("keys", "rotate", key["key_id"], *named).err
    assert [line["status"] for line in lines(server, "deploy-7.b")] == [200, 409]
    events = latchkey.json("events", "list", "--key", key["key_id"])["items"]
    assert [event["type"] for event in events if event["request_id"] == "deploy-7.b"] == ["KeyRotated"]


def test_all_calls_of_a_run_are_one_trace(latchkey: Latchkey) -> None:
    ran = latchkey.run("--verbose", "keys", "list", "--limit", "201")
    # With more keys of other tests, the last line says how to see them.
    calls = [json.loads(line) for line in ran.err.splitlines() if line.startswith("{")]
    assert {call["event"] for call in calls} == {"call"}
    assert len({(call["request_id"], call["trace_id"]) for call in calls}) == 1
    assert {"method", "path", "status", "milliseconds", "attempt", "timestamp"} <= set(calls[0])


def test_stream_line_carries_the_trace(latchkey: Latchkey, server: RunningServer) -> None:
    with latchkey.running("events", "tail", "--after", "0", "--request-id", "ab" * 16) as running:
        assert running.stdout is not None
        running.stdout.readline()
    deadline = time.monotonic() + 10
    while not (found := lines(server, "ab" * 16)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [(line["path"], line["trace_id"]) for line in found] == [("/v1/events", "ab" * 16)]


def test_each_run_posts_one_event(latchkey: Latchkey, root: str) -> None:
    with stub(lambda _: StubResponse(204, {}, b"")) as collector:
        where = {"LATCHKEY_TELEMETRY_URL": f"{collector.url}/v1/runs?token=x"}
        done = latchkey.run("whoami", "--request-id", "run.1", **where)
        rejected = latchkey.run("keys", "show", "lk_000000000000", **where)
        misused = latchkey.run("keys", "show", root, **where)
        assert [ran.exit_code for ran in (done, rejected, misused)] == [0, 2, 2]
        first, second, third = [json.loads(request.body) for request in collector.requests]
        milliseconds = first.pop("milliseconds")
        assert first == {
            "command": "whoami",
            "outcome": "done",
            "exit_code": 0,
            "request_id": "run.1",
            "trace_id": first["trace_id"],
            "version": "0.1.0",
        }
        assert 0 < milliseconds < 60_000
        assert (second["command"], second["outcome"], second["exit_code"]) == ("keys show", "refused", 2)
        assert second["request_id"] in rejected.err
        assert (third["command"], third["exit_code"]) == ("keys", 2)
        assert "lks_" not in "".join(str(request) for request in collector.requests)


def test_telemetry_neither_fails_nor_delays(latchkey: Latchkey) -> None:
    began = time.monotonic()
    assert latchkey.run("health").exit_code == 0
    without = time.monotonic() - began
    with dripping() as endless:
        for url in (endless, "http://127.0.0.1:1", "nonsense"):
            began = time.monotonic()
            ran = latchkey.run("health", LATCHKEY_TELEMETRY_URL=url)
            assert (ran.exit_code, ran.err) == (0, "")
            assert time.monotonic() - began < without + 2, "a second, and what a busy machine adds"
