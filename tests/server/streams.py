"""Event streams of a running server: requests, keys, and raw connections."""

import socket
import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.server.stream_follower import Follower
from tests.support.server import RunningServer


def call(server: RunningServer, root: str, method: str, path: str, **content: Any) -> httpx.Response:
    answer = httpx.request(method, f"{server.url}{path}", headers={"X-API-Key": root}, timeout=30, **content)
    assert answer.is_success, answer.text
    return answer


def new_key(server: RunningServer, root: str, **values: Any) -> dict[str, Any]:
    issued: dict[str, Any] = call(server, root, "POST", "/v1/keys", json={"label": "x", **values}).json()
    return issued


def last_event_id(server: RunningServer, root: str) -> int:
    """Return the ID of the last event."""
    last = 0
    page: dict[str, Any] = {"next": 0}
    while page["next"] is not None:
        page = call(server, root, "GET", f"/v1/events?after={page['next']}&limit=500").json()
        last = page["items"][-1]["id"] if page["items"] else last
    return last


def open_streams(server: RunningServer, root: str) -> float:
    return server.metric(root, "event_streams_open")


def wait_until_no_streams(server: RunningServer, root: str) -> None:
    deadline = time.monotonic() + 30
    while open_streams(server, root) and time.monotonic() < deadline:
        pass
    assert open_streams(server, root) == 0


def has_events(events: int) -> Callable[[Follower], bool]:
    """Return a condition: whether a follower has received that many events."""
    return lambda follower: len(follower.events) >= events


def request(credential: str, *fields: str, query: str = "") -> bytes:
    lines = [f"GET /v1/events{query} HTTP/1.1", "Host: localhost", "Accept: text/event-stream"]
    return "\r\n".join([*lines, f"X-API-Key: {credential}", *fields, "", ""]).encode()


def connect(server: RunningServer, sent: bytes) -> socket.socket:
    """Return a connection on which `sent` was sent and the head of a stream was received."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # soon full if the test does not read
    connection.settimeout(40)
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(sent)
    answer = connection.recv(15)
    if answer != b"HTTP/1.1 200 OK":
        connection.close()
        raise AssertionError(answer)
    return connection
