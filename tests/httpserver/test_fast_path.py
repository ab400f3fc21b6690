"""Fast-path replies: sent in a later event loop iteration, in pipeline order, and only to connected clients."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from httpserver.fast_path import FAST_PATHS, FastPathEndpoint, Head, Reply
from httpserver.timeouts import MAX_HEADER_SECONDS, MAX_PAUSED_SECONDS
from tests.httpserver.wire import DATE, Connection, connect

PATH = "/v1/slow"
ONE, TWO = b"HTTP/1.1 204 No Content\r\nx-answer: 1\r\n\r\n", b"HTTP/1.1 204 No Content\r\nx-answer: 2\r\n\r\n"
LAST = b"HTTP/1.1 204 No Content\r\nconnection: close\r\nx-answer: %d\r\n\r\n"


def request_bytes(*lines: bytes, query: bytes = b"", method: bytes = b"GET") -> bytes:
    return b"\r\n".join([method + b" " + PATH.encode() + query + b" HTTP/1.1", b"Host: localhost", *lines, b"", b""])


@dataclass
class SlowEndpoint:
    """Endpoint that keeps the heads and the replies, so that the test can respond."""

    heads: list[Head] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    declines: bool = False

    def parse(self, head: Head) -> Head | None:
        return None if head.query == b"mine=no" else head

    def accept(self, head: Head, reply: Reply) -> bool:
        self.heads.append(head)
        if not self.declines:
            self.replies.append(reply)
        return not self.declines


@pytest.fixture
def endpoint() -> Iterator[SlowEndpoint]:
    endpoint = SlowEndpoint()
    FAST_PATHS[PATH] = FastPathEndpoint(endpoint.parse, endpoint.accept)
    yield endpoint
    del FAST_PATHS[PATH]


@pytest.fixture
def connection(endpoint: SlowEndpoint) -> Connection:
    return connect()


SENT_IN = pytest.mark.parametrize(
    "pieces",
    [
        [request_bytes(), request_bytes()],
        [request_bytes() + request_bytes()],
        [request_bytes() + request_bytes()[:20], request_bytes()[20:]],
        [request_bytes(b"Accept: a\tb"), request_bytes()],
    ],
    ids=["apart", "together", "cut", "not plain first"],
)


@SENT_IN
def test_pipelined_request_waits_for_late_reply(
    connection: Connection, endpoint: SlowEndpoint, pieces: list[bytes]
) -> None:
    protocol, transport, loop = connection
    for piece in pieces:
        protocol.data_received(piece)
    assert len(endpoint.replies) == 1
    loop.move(2 * MAX_HEADER_SECONDS)
    assert (transport.written, transport.reading, transport.closed) == (b"", False, False)
    endpoint.replies[0].respond(ONE)
    assert (transport.written, transport.reading) == (ONE, True)
    endpoint.replies[1].respond(TWO)
    assert transport.written == ONE + TWO
    protocol.data_received(request_bytes())
    assert (len(endpoint.replies), transport.closed, loop.tasks) == (3, False, 0)


def test_only_first_response_is_sent(connection: Connection, endpoint: SlowEndpoint) -> None:
    protocol, transport, loop = connection
    protocol.data_received(request_bytes() * 3)
    endpoint.replies[0].respond(ONE)
    endpoint.replies[0].respond(TWO)
    endpoint.replies[0].delegate()
    assert (transport.written, len(endpoint.replies), loop.tasks) == (ONE, 2, 0)


@SENT_IN
def test_nothing_is_sent_after_disconnect(connection: Connection, endpoint: SlowEndpoint, pieces: list[bytes]) -> None:
    protocol, transport, loop = connection
    for piece in pieces:
        protocol.data_received(piece)
    protocol.connection_lost(ConnectionResetError())
    endpoint.replies[0].respond(ONE)
    endpoint.replies[0].delegate()
    assert (transport.written, len(endpoint.replies), loop.tasks) == (b"", 1, 0)


@SENT_IN
def test_half_closed_client_gets_all_responses(
    connection: Connection, endpoint: SlowEndpoint, pieces: list[bytes]
) -> None:
    protocol, transport, _ = connection
    for piece in pieces:
        protocol.data_received(piece)
    assert protocol.eof_received() is True
    endpoint.replies[0].respond(ONE)
    assert (transport.written, transport.closed) == (ONE, False)
    endpoint.replies[1].respond(TWO)
    assert (transport.written, transport.closed) == (ONE + LAST % 2, True)


@SENT_IN
def test_shutdown_waits_for_replies(connection: Connection, endpoint: SlowEndpoint, pieces: list[bytes]) -> None:
    protocol, transport, _ = connection
    for piece in pieces:
        protocol.data_received(piece)
    protocol.shutdown()
    assert not transport.closed
    endpoint.replies[0].respond(ONE)
    assert not transport.closed
    endpoint.replies[1].respond(TWO)
    assert (transport.written, transport.closed) == (ONE + LAST % 2, True)


@pytest.mark.parametrize(
    "head", [request_bytes(), request_bytes(query=b"?a=1"), request_bytes(b"X-A: 1", b"x-a: 2", method=b"HEAD")]
)
def test_cached_request_equals_parsed_request(endpoint: SlowEndpoint, head: bytes) -> None:
    protocol, _, _ = connect()
    for data in (head, head, head[:7], head[7:]):
        protocol.data_received(data)
        endpoint.replies[-1].respond(ONE)
    first, again, parsed = endpoint.replies
    assert first.scope == again.scope == parsed.scope
    assert (endpoint.heads[0] is endpoint.heads[1], endpoint.heads[1] == endpoint.heads[2]) == (True, True)
    again.scope["headers"].append((b"x-more", b"of this request alone"))
    assert len(endpoint.heads[1].fields) == len(parsed.scope["headers"])


def test_repeated_head_is_offered_but_not_parsed(connection: Connection, endpoint: SlowEndpoint) -> None:
    protocol, _, _ = connection
    for data in (request_bytes(), request_bytes(), request_bytes(query=b"?a=1"), request_bytes()):
        protocol.data_received(data)
        endpoint.replies[-1].respond(ONE)
    assert [head.query for head in endpoint.heads] == [b"", b"", b"a=1", b""]
    assert (endpoint.heads[0] is endpoint.heads[1], endpoint.heads[1] is endpoint.heads[3]) == (True, False)


def test_disconnect_clears_cached_request(connection: Connection, endpoint: SlowEndpoint) -> None:
    protocol, _, _ = connection
    protocol.data_received(request_bytes(b"X-API-Key: secret"))
    endpoint.replies[0].respond(ONE)
    cached = protocol._cached
    assert cached is not None
    assert "secret" not in repr(cached)
    protocol.connection_lost(None)
    assert (protocol._cached, protocol._cached_bytes, protocol._parsed) == (None, None, None)


def test_idle_connection_closes_after_keep_alive(connection: Connection, endpoint: SlowEndpoint) -> None:
    protocol, transport, loop = connection
    protocol.timeout_keep_alive = 30
    protocol.data_received(request_bytes())
    loop.move(100)  # it is not idle
    endpoint.replies[0].respond(ONE)
    loop.move(20)
    protocol.data_received(request_bytes())
    loop.move(20)
    endpoint.replies[1].respond(TWO)
    loop.move(29)
    assert not transport.closed
    loop.move(2)
    assert (transport.written, transport.closed) == (ONE + TWO, True)


@pytest.mark.parametrize("stopping", [False, True])
def test_delegated_request_reaches_application(connection: Connection, endpoint: SlowEndpoint, stopping: bool) -> None:
    protocol, transport, loop = connection
    protocol.data_received(request_bytes(b"X-Name: value", query=b"?a=1"))
    if stopping:
        protocol.shutdown()
    endpoint.replies[0].delegate()
    running = protocol._running
    assert running is not None
    assert (loop.tasks, transport.written, running.keep_alive) == (1, b"", not stopping)
    scope = running.scope
    assert (scope["path"], scope["query_string"], scope["method"]) == (PATH, b"a=1", "GET")
    assert scope["headers"] == [(b"host", b"localhost"), (b"x-name", b"value")]


def test_garbage_closes_connection_after_reply(connection: Connection, endpoint: SlowEndpoint) -> None:
    protocol, transport, _ = connection
    protocol.data_received(request_bytes())
    protocol.data_received(b"garbage\r\n\r\n")
    assert (transport.written, transport.closed) == (b"", False)
    endpoint.replies[0].respond(ONE)
    assert (transport.written, transport.closed) == (LAST % 1, True)


def test_last_response_says_connection_close(connection: Connection, endpoint: SlowEndpoint) -> None:
    protocol, transport, loop = connection
    protocol.data_received(request_bytes(b"Connection: close"))
    endpoint.replies[0].respond(ONE)
    assert (transport.written, transport.closed, loop.tasks) == (LAST % 1, True, 0)


def test_declined_request_reaches_application(connection: Connection, endpoint: SlowEndpoint) -> None:
    protocol, transport, loop = connection
    endpoint.declines = True
    protocol.data_received(request_bytes())
    assert (loop.tasks, len(endpoint.heads), transport.written) == (1, 1, b"")


def test_unparsed_head_is_not_offered(connection: Connection, endpoint: SlowEndpoint) -> None:
    protocol, _, loop = connection
    protocol.data_received(request_bytes(query=b"?mine=no"))
    assert (loop.tasks, endpoint.heads) == (1, [])


@pytest.mark.parametrize(
    "data", [request_bytes().replace(b"1.1", b"1.0"), request_bytes(b"Connection: Upgrade", b"Upgrade: h2c")]
)
def test_http_1_0_and_upgrade_reach_application(connection: Connection, endpoint: SlowEndpoint, data: bytes) -> None:
    protocol, _, loop = connection
    protocol.data_received(data)
    assert (loop.tasks, endpoint.heads) == (1, [])


def test_cached_head_ends_header_timeout(connection: Connection, endpoint: SlowEndpoint) -> None:
    protocol, transport, loop = connection
    protocol.data_received(request_bytes())
    endpoint.replies[0].respond(ONE)
    protocol.data_received(b"\r\n")  # begins the time for a header, and is none
    protocol.data_received(request_bytes())
    loop.move(2 * MAX_HEADER_SECONDS)
    endpoint.replies[1].respond(TWO)
    assert (transport.written, transport.closed) == (ONE + TWO, False)


def test_reply_has_scope_and_date(connection: Connection, endpoint: SlowEndpoint) -> None:
    protocol, _, _ = connection
    protocol.data_received(request_bytes(query=b"?a=%20", method=b"HEAD"))
    (reply,), (head,) = endpoint.replies, endpoint.heads
    scope = reply.scope
    assert reply.date == DATE
    protocol.server_state.default_headers = [(b"date", b"a second later")]
    assert reply.date == b"a second later"
    assert (scope["type"], scope["method"], scope["path"], scope["raw_path"]) == ("http", "HEAD", PATH, PATH.encode())
    assert (scope["query_string"], scope["http_version"]) == (b"a=%20", "1.1")
    assert head == ("HEAD", PATH, b"a=%20", scope["headers"])
    assert repr(head) == f"<Head HEAD {PATH}>"


def test_unread_closing_connection_is_aborted(connection: Connection, endpoint: SlowEndpoint) -> None:
    """A closing connection waits for unsent bytes, and would otherwise wait forever."""
    protocol, transport, loop = connection
    protocol.timeout_keep_alive = 30
    protocol.data_received(request_bytes())
    endpoint.replies[0].respond(ONE)
    loop.move(32)
    assert (transport.closed, transport.aborted) == (True, False)
    loop.move(MAX_PAUSED_SECONDS + 2)
    assert transport.aborted


def test_failing_endpoint_leaves_request_to_application(
    connection: Connection, endpoint: SlowEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol, transport, loop = connection

    def fail(*_: object) -> bool:
        raise RuntimeError("a bug")

    monkeypatch.setitem(FAST_PATHS, PATH, FastPathEndpoint(endpoint.parse, fail))
    protocol.data_received(request_bytes())
    assert (transport.written, transport.closed, loop.tasks) == (b"", False, 1)


def test_aborted_reply_drops_connection(connection: Connection, endpoint: SlowEndpoint) -> None:
    protocol, transport, _ = connection
    protocol.data_received(request_bytes())
    endpoint.replies[0].abort()
    endpoint.replies[0].respond(ONE)
    assert (transport.written, transport.aborted) == (b"", True)


def post(body: bytes, *lines: bytes) -> bytes:
    return request_bytes(b"Content-Length: %d" % len(body), *lines, method=b"POST") + body


@pytest.fixture
def with_body(endpoint: SlowEndpoint, monkeypatch: pytest.MonkeyPatch) -> SlowEndpoint:
    monkeypatch.setitem(FAST_PATHS, PATH, FastPathEndpoint(endpoint.parse, endpoint.accept, max_body_bytes=10))
    return endpoint


def test_request_is_offered_with_its_body(connection: Connection, with_body: SlowEndpoint) -> None:
    protocol, transport, loop = connection
    protocol.data_received(post(b"one") + post(b"ten bytes!"))
    protocol.data_received(request_bytes())
    with_body.replies[0].respond(ONE)
    with_body.replies[1].respond(TWO)
    assert [reply.body for reply in with_body.replies] == [b"one", b"ten bytes!", b""]
    assert (transport.written, loop.tasks) == (ONE + TWO, 0)


def test_repeated_request_with_a_body_is_parsed(connection: Connection, with_body: SlowEndpoint) -> None:
    protocol, _, _ = connection
    for _ in range(3):
        protocol.data_received(post(b"one"))
        with_body.replies[-1].respond(ONE)
    assert [reply.body for reply in with_body.replies] == [b"one"] * 3


@pytest.mark.parametrize(
    "pieces",
    [
        [post(b"eleven byte")],
        [post(b"one")[:-1], post(b"one")[-1:]],
        [post(b"one")[:-3], b"one"],
        [post(b"one", b"Expect: 100-continue")],
        [request_bytes(b"Transfer-Encoding: chunked", method=b"POST") + b"3\r\none\r\n0\r\n\r\n"],
    ],
    ids=["too long", "in two pieces", "after its head", "expects to be asked for", "chunked"],
)
def test_other_bodies_reach_application(connection: Connection, with_body: SlowEndpoint, pieces: list[bytes]) -> None:
    protocol, _, loop = connection
    for piece in pieces:
        protocol.data_received(piece)
    assert (with_body.heads, loop.tasks) == ([], 1)
    assert (bytes(protocol.cycle.body), protocol.cycle.more_body) in ((b"one", False), (b"eleven byte", False))


def test_incomplete_body_has_a_limited_time(connection: Connection, with_body: SlowEndpoint) -> None:
    protocol, _, loop = connection
    protocol.data_received(post(b"one")[:-1])
    assert protocol.waiting_since is not None
    assert protocol.eof_received() is False
    assert (loop.tasks, protocol._held) == (1, None)


def test_request_without_a_place_for_its_body_reaches_application(
    connection: Connection, endpoint: SlowEndpoint
) -> None:
    protocol, _, loop = connection
    protocol.data_received(post(b"one"))
    assert (endpoint.heads, loop.tasks) == ([], 1)


def test_delegated_request_keeps_its_body(connection: Connection, with_body: SlowEndpoint) -> None:
    protocol, _, loop = connection
    with_body.declines = True
    protocol.data_received(post(b"one"))
    assert (loop.tasks, protocol.cycle.body, protocol.cycle.more_body) == (1, b"one", False)
