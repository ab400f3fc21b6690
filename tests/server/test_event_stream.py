"""Event stream: every event reaches each stream once, on every worker."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from events.stream.limits import MAX_STREAMS_PER_KEY
from tests.server.stream_follower import Follower, serving_process
from tests.server.streams import call, connect, has_events, last_event_id, new_key, request
from tests.support.server import RunningServer


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
            follower.until(has_events(8))
            assert [event["key_id"] for event in follower.events] == key_ids


def test_response_head(server: RunningServer, root: str) -> None:
    with Follower(server, root, query="?type=KeyIssued") as follower:
        fields = follower.response.headers
        assert fields["Content-Type"] == "text/event-stream"
        assert (fields["Cache-Control"], fields["X-Accel-Buffering"]) == ("no-store", "no")
        assert fields["RateLimit-Policy"].startswith('"key";q=100000')
        assert fields["X-Request-Id"]


@pytest.mark.slow("makes hundreds of changes")
def test_resumed_stream_gets_each_event_once(server: RunningServer, root: str) -> None:
    key_id = new_key(server, root)["key_id"]
    first = last_event_id(server, root)

    def change(number: int) -> None:
        call(server, root, "PATCH", f"/v1/keys/{key_id}", json={"label": f"burst {number}"})

    received: list[int] = []

    def follow(wanted: int) -> None:
        with Follower(server, root, after=str(received[-1] if received else first)) as follower:
            follower.until(has_events(wanted - len(received)))
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
        follower.until(has_events(1))
        assert [(event["type"], event["key_id"]) for event in follower.events] == [("KeyRevoked", one)]


def test_http_1_0_client_gets_unframed_stream(server: RunningServer, root: str) -> None:
    with connect(server, request(root).replace(b"HTTP/1.1", b"HTTP/1.0")) as connection:
        key_id = new_key(server, root)["key_id"].encode()
        received = b""
        while key_id not in received:
            received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    assert b"transfer-encoding" not in head.lower()
    assert body.startswith(b"retry: 2000\n: open\n\nid: ")
