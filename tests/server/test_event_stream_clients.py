"""Clients of the event stream: those that disconnect, don't read, or open too many streams."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from events.stream.limits import MAX_STREAMS_PER_KEY
from tests.server.conftest import StartServer
from tests.server.stream_follower import STREAM, Follower
from tests.server.streams import (
    call,
    connect,
    has_events,
    last_event_id,
    new_key,
    open_streams,
    request,
    wait_until_no_streams,
)
from tests.support.server import RunningServer, issue


def test_disconnected_streams_are_closed(server: RunningServer, root: str) -> None:
    wait_until_no_streams(server, root)
    keys = [new_key(server, root, scopes=["events:read"])["credential"] for _ in range(4)]  # a key may not have so many
    left = [connect(server, request(keys[number % 4])) for number in range(200)]
    half_closed = connect(server, request(root))
    pipelined = connect(server, request(root) + b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert open_streams(server, root) == 202
    half_closed.shutdown(socket.SHUT_WR)
    closed = time.monotonic()
    for connection in (*left, pipelined):
        connection.close()
    wait_until_no_streams(server, root)
    assert time.monotonic() - closed < 10, "otherwise only a heartbeat after 15 s noticed it"
    half_closed.close()


def test_request_body_is_ignored(server: RunningServer, root: str) -> None:
    with connect(server, request(root, "Content-Length: 5") + b"hello") as connection:
        key_id = new_key(server, root)["key_id"].encode()
        received = b""
        while key_id not in received:
            received += connection.recv(65536)
    answer = httpx.request(
        "GET", f"{server.url}/v1/events", headers={**STREAM, "X-API-Key": root}, content=b"x" * 70_000
    )
    assert answer.status_code == 413
    wait_until_no_streams(server, root)


@pytest.mark.slow("makes hundreds of changes")
def test_unread_stream_delays_no_other(server: RunningServer, root: str) -> None:
    key_id = new_key(server, root)["key_id"]
    first = last_event_id(server, root)
    deaf = [connect(server, request(root, f"Last-Event-ID: {first}")) for _ in range(12)]
    with Follower(server, root, after=str(first)) as follower, ThreadPoolExecutor(8) as pool:
        values = [{"metadata": {"text": f"{number:04}" + "x" * 3900}} for number in range(200)]
        list(pool.map(lambda one: call(server, root, "PATCH", f"/v1/keys/{key_id}", json=one), values))
        written = time.monotonic()
        follower.until(has_events(200))
        assert time.monotonic() - written < 10
        assert follower.ids == list(range(first + 1, first + 201))
    for connection in deaf:
        connection.close()
    wait_until_no_streams(server, root)


def test_access_line_is_written_at_end(server: RunningServer, root: str) -> None:
    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in server.log.splitlines() if '"request_id": "one-stream"' in line]

    sent = request(root, "X-Request-Id: one-stream")
    with connect(server, sent) as connection:
        new_key(server, root)
        connection.recv(65536)
        assert lines() == []
    wait_until_no_streams(server, root)
    (line,) = lines()
    assert (line["event"], line["logger"], line["status"], line["path"]) == (
        "request",
        "latchkey.access",
        200,
        "/v1/events",
    )
    assert line["key_id"] == root.partition(":")[0]


@pytest.mark.slow("runs several servers")
def test_stream_limit_and_stop(start_server: StartServer) -> None:
    server = start_server(workers=1)
    root = issue(server, "--label", "root", "--scope", "*", "--burst", "100000", "--per-seconds", "1")["credential"]
    followers = [Follower(server, root) for _ in range(MAX_STREAMS_PER_KEY - 1)]
    deaf = connect(server, request(root))
    refused = httpx.get(f"{server.url}/v1/events", headers={**STREAM, "X-API-Key": root})
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
    assert f"has {MAX_STREAMS_PER_KEY} live streams" in refused.json()["detail"]
    body = b'{"label": "in flight"}'
    posting = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    fields = f"Content-Type: application/json\r\nX-API-Key: {root}\r\nContent-Length: {len(body)}\r\n"
    posting.sendall(f"POST /v1/keys HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode() + body[:5])
    with ThreadPoolExecutor(1) as pool:
        begun = time.monotonic()
        stopping = pool.submit(server.stop)
        for follower in followers:
            follower.until(lambda seen: seen.ended)
        posting.sendall(body[5:])
        assert posting.recv(65536).startswith(b"HTTP/1.1 201 ")
        assert stopping.result() == 0
    assert time.monotonic() - begun < 4
    for follower in followers:
        follower.close()
    deaf.close()
    posting.close()
