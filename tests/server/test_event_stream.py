"""The live stream of a real server: every event once on every worker, and nobody is held up by anybody."""

import json
import re
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from events.stream.limits import MAX_STREAMS_PER_KEY
from tests.server.conftest import StartServer
from tests.server.following import STREAM, Follower, serving_process
from tests.support.server import RunningServer, issue

Headers = dict[str, str]


def call(server: RunningServer, root: str, method: str, path: str, **content: Any) -> httpx.Response:
    answer = httpx.request(method, f"{server.url}{path}", headers={"X-API-Key": root}, timeout=30, **content)
    assert answer.is_success, answer.text
    return answer


def new_key(server: RunningServer, root: str, **values: Any) -> dict[str, Any]:
    issued: dict[str, Any] = call(server, root, "POST", "/v1/keys", json={"label": "x", **values}).json()
    return issued


def head(server: RunningServer, root: str) -> int:
    """The id of the last event."""
    last = 0
    page: dict[str, Any] = {"next": 0}
    while page["next"] is not None:
        page = call(server, root, "GET", f"/v1/events?after={page['next']}&limit=500").json()
        last = page["items"][-1]["id"] if page["items"] else last
    return last


def open_streams(server: RunningServer, root: str) -> float:
    return server.metric(root, "event_streams_open")


def until_all_are_gone(server: RunningServer, root: str) -> None:
    deadline = time.monotonic() + 30
    while open_streams(server, root) and time.monotonic() < deadline:
        pass
    assert open_streams(server, root) == 0


def has(events: int) -> Callable[[Follower], bool]:
    """Whether a follower has so many events."""
    return lambda follower: len(follower.events) >= events


def request(credential: str, *fields: str, query: str = "") -> bytes:
    lines = [f"GET /v1/events{query} HTTP/1.1", "Host: localhost", "Accept: text/event-stream"]
    return "\r\n".join([*lines, f"X-API-Key: {credential}", *fields, "", ""]).encode()


def connect(server: RunningServer, sent: bytes) -> socket.socket:
    """A connection on which `sent` was sent, and the head of a stream has come back."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # soon full where it is not read
    connection.settimeout(40)
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(sent)
    answer = connection.recv(15)
    if answer != b"HTTP/1.1 200 OK":
        connection.close()
        raise AssertionError(answer)
    return connection


def test_events_reach_streams_on_every_worker(server: RunningServer, root: str) -> None:
    with ExitStack() as opened:
        followers: list[Follower] = []
        reached: set[int] = set()
        while reached != set(server.worker_pids()):  # the kernel deals connections out as it likes
            followers.append(opened.enter_context(Follower(server, root)))
            reached.add(serving_process(server, followers[-1].port))
            assert len(followers) < MAX_STREAMS_PER_KEY
        key_ids = [new_key(server, root)["key_id"] for _ in range(8)]
        for follower in followers:
            follower.until(has(8))
            assert [event["key_id"] for event in follower.events] == key_ids


def test_head_of_the_answer(server: RunningServer, root: str) -> None:
    with Follower(server, root, query="?type=KeyIssued") as follower:
        fields = follower.response.headers
        assert fields["Content-Type"] == "text/event-stream"
        assert (fields["Cache-Control"], fields["X-Accel-Buffering"]) == ("no-store", "no")
        assert fields["RateLimit-Policy"].startswith('"key";q=100000')
        assert fields["X-Request-Id"]


@pytest.mark.slow("makes hundreds of changes")
def test_resuming_in_a_burst_of_300_changes_gives_each_event_once(server: RunningServer, root: str) -> None:
    key_id = new_key(server, root)["key_id"]
    first = head(server, root)

    def change(number: int) -> None:
        call(server, root, "PATCH", f"/v1/keys/{key_id}", json={"label": f"burst {number}"})

    received: list[int] = []

    def follow(wanted: int) -> None:
        with Follower(server, root, after=str(received[-1] if received else first)) as follower:
            follower.until(has(wanted - len(received)))
        received.extend(follower.ids)  # whatever came before it was closed

    with ThreadPoolExecutor(12) as pool:
        burst = [pool.submit(change, number) for number in range(300)]
        for wanted in (30, 90, 170):
            follow(wanted)
        for changed in burst:
            changed.result()
    follow(300)
    assert received == list(range(first + 1, first + 301))


def test_filters(server: RunningServer, root: str) -> None:
    one, other = new_key(server, root)["key_id"], new_key(server, root)["key_id"]
    with Follower(server, root, query=f"?key_id={one}&type=KeyRevoked&after=0") as follower:
        for key_id in (other, one):
            call(server, root, "DELETE", f"/v1/keys/{key_id}")
        follower.until(has(1))
        assert [(event["type"], event["key_id"]) for event in follower.events] == [("KeyRevoked", one)]


@pytest.fixture(scope="module")
def credentials(server: RunningServer, root: str) -> dict[str, Headers]:
    """Requests that are refused, each for a reason of its own."""

    def key(scopes: list[str], **values: Any) -> dict[str, Any]:
        return new_key(server, root, scopes=scopes, **values)

    revoked, disabled = key(["events:read"]), key(["events:read"])
    spent = key(["*"], rate_limit={"burst": 1, "per_seconds": 3600})
    call(server, root, "DELETE", f"/v1/keys/{revoked['key_id']}")
    call(server, root, "PATCH", f"/v1/keys/{disabled['key_id']}", json={"enabled": False})
    call(server, spent["credential"], "GET", "/v1/whoami")
    unknown = key(["*"])["credential"].replace("lk_", "lk_")[:3] + "0" * 12 + ":" + revoked["secret"]
    return {
        "missing": {},
        "malformed": {"X-API-Key": "lk_x"},
        "ambiguous": {"X-API-Key": root, "Authorization": f"Bearer {revoked['credential']}"},
        "unknown": {"X-API-Key": unknown},
        "revoked": {"Authorization": f"Bearer {revoked['credential']}"},
        "disabled": {"X-API-Key": disabled["credential"]},
        "scope": {"X-API-Key": key(["keys:read"])["credential"]},
        "spent": {"X-API-Key": spent["credential"]},
        "filter": {"X-API-Key": key(["events:read"])["credential"]},
        "host": {"X-API-Key": root, "Host": "elsewhere.example"},
    }


STATUSES = {"ambiguous": 400, "host": 400, "scope": 403, "filter": 422, "spent": 429}
CASES = ["missing", "malformed", "ambiguous", "unknown", "revoked", "disabled", "scope", "spent", "filter", "host"]
SAME = ("Content-Type", "Cache-Control", "WWW-Authenticate", "RateLimit-Policy", "X-RateLimit-Limit", "Retry-After")


@pytest.mark.parametrize("case", CASES)
def test_refusals_are_those_of_a_page(server: RunningServer, credentials: dict[str, Headers], case: str) -> None:
    url = f"{server.url}/v1/events" + ("?type=KeyEaten&after=x" if case == "filter" else "")
    page = httpx.get(url, headers={**credentials[case], "X-Request-Id": "same"})
    stream = httpx.get(url, headers={**credentials[case], "X-Request-Id": "same", **STREAM})
    said = [re.sub(r"\d+ s\.", "N s.", answer.text) for answer in (page, stream)]  # a second may lie between
    assert (page.status_code, said[0]) == (stream.status_code, said[1])
    assert page.status_code == STATUSES.get(case, 401)
    for name in SAME:
        if name == "Retry-After" and case == "spent":
            assert abs(int(page.headers[name]) - int(stream.headers[name])) <= 1
        else:
            assert page.headers.get(name) == stream.headers.get(name), name
    for answer in (page, stream):
        assert answer.headers["X-Request-Id"] == "same"


def test_opening_costs_one_token_and_so_does_a_403(server: RunningServer, root: str) -> None:
    limit = {"burst": 5, "per_seconds": 3600}
    for scopes, status in ((["events:read"], 200), (["keys:read"], 403)):
        credential = new_key(server, root, scopes=scopes, rate_limit=limit)["credential"]
        with httpx.stream("GET", f"{server.url}/v1/events", headers={**STREAM, "X-API-Key": credential}) as answer:
            assert (answer.status_code, answer.headers["X-RateLimit-Remaining"]) == (status, "4")
        who = call(server, credential, "GET", "/v1/whoami")
        assert who.headers["X-RateLimit-Remaining"] == "3"


def test_client_of_http_1_0_gets_the_stream_as_it_is(server: RunningServer, root: str) -> None:
    with connect(server, request(root).replace(b"HTTP/1.1", b"HTTP/1.0")) as connection:
        key_id = new_key(server, root)["key_id"].encode()
        received = b""
        while key_id not in received:
            received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    assert b"transfer-encoding" not in head.lower()
    assert body.startswith(b"retry: 2000\n: open\n\nid: ")


@pytest.mark.parametrize("accept", ["text/event-stream;q=0", "text/event-stream;q=0, application/json"])
def test_stream_that_is_not_wanted_is_not_opened(server: RunningServer, root: str, accept: str) -> None:
    answer = httpx.get(f"{server.url}/v1/events?limit=1", headers={"Accept": accept, "X-API-Key": root})
    assert answer.status_code == (200 if "," in accept else 406)
    assert answer.headers["Content-Type"] != STREAM["Accept"]


def test_after_beyond_the_log_is_422(server: RunningServer, root: str) -> None:
    answer = httpx.get(f"{server.url}/v1/events?after=999999999", headers={**STREAM, "X-API-Key": root})
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, ["/after"])


@pytest.mark.parametrize("last_event_id", ["x", "999999999"])
def test_last_event_id_of_no_event_is_422(server: RunningServer, root: str, last_event_id: str) -> None:
    headers = {**STREAM, "X-API-Key": root, "Last-Event-ID": last_event_id}
    answer = httpx.get(f"{server.url}/v1/events", headers=headers)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/last-event-id"]


def revoke(server: RunningServer, root: str, key_id: str) -> None:
    call(server, root, "DELETE", f"/v1/keys/{key_id}")


def disable(server: RunningServer, root: str, key_id: str) -> None:
    call(server, root, "PATCH", f"/v1/keys/{key_id}", json={"enabled": False})


def take_the_scope(server: RunningServer, root: str, key_id: str) -> None:
    call(server, root, "PATCH", f"/v1/keys/{key_id}", json={"scopes": ["keys:read"]})


def replace_the_secret(server: RunningServer, root: str, key_id: str) -> None:
    call(server, root, "POST", f"/v1/keys/{key_id}/rotate", json={"grace_seconds": 0})


def revoke_by_command(server: RunningServer, root: str, key_id: str) -> None:
    server.manage("revoke_key", key_id, "--yes")


Change = Callable[[RunningServer, str, str], None]


@pytest.mark.parametrize("change", [revoke, disable, take_the_scope, replace_the_secret, revoke_by_command])
def test_stream_of_a_key_that_may_no_more_ends_at_once(server: RunningServer, root: str, change: Change) -> None:
    key = new_key(server, root, scopes=["events:read"])
    followers = [Follower(server, key["credential"]) for _ in range(8)]
    changed = time.monotonic()
    change(server, root, key["key_id"])
    for follower in followers:
        follower.until(lambda seen: seen.ended)
        assert follower.events == []
        follower.close()
    assert time.monotonic() - changed < 8, "or it was the confirmation after 15 s"


def test_stream_outlives_a_change_that_leaves_its_key_the_right(server: RunningServer, root: str) -> None:
    key = new_key(server, root, scopes=["events:read"])
    with Follower(server, key["credential"]) as follower:
        call(server, root, "PATCH", f"/v1/keys/{key['key_id']}", json={"label": "renamed"})
        call(server, root, "POST", f"/v1/keys/{key['key_id']}/rotate")
        follower.until(has(2))
        assert [event["type"] for event in follower.events] == ["KeyUpdated", "KeyRotated"]


def test_clients_that_leave_are_forgotten(server: RunningServer, root: str) -> None:
    until_all_are_gone(server, root)
    keys = [new_key(server, root, scopes=["events:read"])["credential"] for _ in range(4)]  # a key may not have so many
    left = [connect(server, request(keys[number % 4])) for number in range(200)]
    half_closed = connect(server, request(root))
    pipelined = connect(server, request(root) + b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert open_streams(server, root) == 202
    half_closed.shutdown(socket.SHUT_WR)
    closed = time.monotonic()
    for connection in (*left, pipelined):
        connection.close()
    until_all_are_gone(server, root)
    assert time.monotonic() - closed < 10, "or it was a heartbeat after 15 s that nobody took"
    half_closed.close()


def test_body_that_comes_with_the_request_is_passed_over(server: RunningServer, root: str) -> None:
    with connect(server, request(root, "Content-Length: 5") + b"hello") as connection:
        key_id = new_key(server, root)["key_id"].encode()
        received = b""
        while key_id not in received:
            received += connection.recv(65536)
    answer = httpx.request(
        "GET", f"{server.url}/v1/events", headers={**STREAM, "X-API-Key": root}, content=b"x" * 70_000
    )
    assert answer.status_code == 413
    until_all_are_gone(server, root)


@pytest.mark.slow("makes hundreds of changes")
def test_client_that_does_not_read_delays_nobody(server: RunningServer, root: str) -> None:
    key_id = new_key(server, root)["key_id"]
    first = head(server, root)
    deaf = [connect(server, request(root, f"Last-Event-ID: {first}")) for _ in range(12)]
    with Follower(server, root, after=str(first)) as follower, ThreadPoolExecutor(8) as pool:
        values = [{"metadata": {"text": f"{number:04}" + "x" * 3900}} for number in range(200)]
        list(pool.map(lambda one: call(server, root, "PATCH", f"/v1/keys/{key_id}", json=one), values))
        written = time.monotonic()
        follower.until(has(200))
        assert time.monotonic() - written < 10
        assert follower.ids == list(range(first + 1, first + 201))
    for connection in deaf:
        connection.close()
    until_all_are_gone(server, root)


def test_line_in_the_log_is_written_at_the_end(server: RunningServer, root: str) -> None:
    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in server.log.splitlines() if '"request_id": "one-stream"' in line]

    sent = request(root, "X-Request-Id: one-stream")
    with connect(server, sent) as connection:
        new_key(server, root)
        connection.recv(65536)
        assert lines() == []
    until_all_are_gone(server, root)
    (line,) = lines()
    assert (line["event"], line["logger"], line["status"], line["path"]) == (
        "request",
        "latchkey.access",
        200,
        "/v1/events",
    )
    assert line["key_id"] == root.partition(":")[0]


@pytest.mark.slow("runs several servers")
def test_key_gets_no_more_than_its_streams_and_stopping_ends_all(start_server: StartServer) -> None:
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
