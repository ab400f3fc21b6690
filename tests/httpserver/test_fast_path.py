"""Replies of a door that answers without the application: in a later turn, in order, to whom is still there."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from httpserver.fast_path import FAST_PATHS, FastPathEndpoint, Head, Reply
from httpserver.timeouts import MAX_HEADER_SECONDS, MAX_PAUSED_SECONDS
from tests.httpserver.wire import DATE, Connection, connect

PATH = "/v1/slow"
ONE, TWO = b"HTTP/1.1 204 No Content\r\nx-answer: 1\r\n\r\n", b"HTTP/1.1 204 No Content\r\nx-answer: 2\r\n\r\n"
LAST = b"HTTP/1.1 204 No Content\r\nconnection: close\r\nx-answer: %d\r\n\r\n"


def ask(*lines: bytes, query: bytes = b"", method: bytes = b"GET") -> bytes:
    return b"\r\n".join([method + b" " + PATH.encode() + query + b" HTTP/1.1", b"Host: localhost", *lines, b"", b""])


@dataclass
class SlowDoor:
    """Keeps what it was asked, and the replies, for the test to answer."""

    heads: list[Head] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    refuses: bool = False

    def read(self, head: Head) -> Head | None:
        return None if head.query == b"mine=no" else head

    def ask(self, head: Head, reply: Reply) -> bool:
        self.heads.append(head)
        if not self.refuses:
            self.replies.append(reply)
        return not self.refuses


@pytest.fixture
def door() -> Iterator[SlowDoor]:
    slow = SlowDoor()
    FAST_PATHS[PATH] = FastPathEndpoint(slow.read, slow.ask)
    yield slow
    del FAST_PATHS[PATH]


@pytest.fixture
def connection(door: SlowDoor) -> Connection:
    return connect()


SENT_IN = pytest.mark.parametrize(
    "pieces",
    [[ask(), ask()], [ask() + ask()], [ask() + ask()[:20], ask()[20:]], [ask(b"Accept: a\tb"), ask()]],
    ids=["apart", "together", "cut", "not plain first"],
)


@SENT_IN
def test_request_behind_a_late_reply_waits_for_it(connection: Connection, door: SlowDoor, pieces: list[bytes]) -> None:
    protocol, transport, loop = connection
    for piece in pieces:
        protocol.data_received(piece)
    assert len(door.replies) == 1
    loop.move(2 * MAX_HEADER_SECONDS)
    assert (transport.written, transport.reading, transport.closed) == (b"", False, False)
    door.replies[0].answer(ONE)
    assert (transport.written, transport.reading) == (ONE, True)
    door.replies[1].answer(TWO)
    assert transport.written == ONE + TWO
    protocol.data_received(ask())
    assert (len(door.replies), transport.closed, loop.tasks) == (3, False, 0)


def test_reply_says_once_what_it_says(connection: Connection, door: SlowDoor) -> None:
    protocol, transport, loop = connection
    protocol.data_received(ask() * 3)
    door.replies[0].answer(ONE)
    door.replies[0].answer(TWO)
    door.replies[0].pass_on()
    assert (transport.written, len(door.replies), loop.tasks) == (ONE, 2, 0)


@SENT_IN
def test_to_a_client_that_left_nothing_is_said(connection: Connection, door: SlowDoor, pieces: list[bytes]) -> None:
    protocol, transport, loop = connection
    for piece in pieces:
        protocol.data_received(piece)
    protocol.connection_lost(ConnectionResetError())
    door.replies[0].answer(ONE)
    door.replies[0].pass_on()
    assert (transport.written, len(door.replies), loop.tasks) == (b"", 1, 0)


@SENT_IN
def test_client_that_ended_its_half_gets_all_answers(
    connection: Connection, door: SlowDoor, pieces: list[bytes]
) -> None:
    protocol, transport, _ = connection
    for piece in pieces:
        protocol.data_received(piece)
    assert protocol.eof_received() is True
    door.replies[0].answer(ONE)
    assert (transport.written, transport.closed) == (ONE, False)
    door.replies[1].answer(TWO)
    assert (transport.written, transport.closed) == (ONE + LAST % 2, True)


@SENT_IN
def test_server_that_stops_answers_first(connection: Connection, door: SlowDoor, pieces: list[bytes]) -> None:
    protocol, transport, _ = connection
    for piece in pieces:
        protocol.data_received(piece)
    protocol.shutdown()
    assert not transport.closed
    door.replies[0].answer(ONE)
    assert not transport.closed
    door.replies[1].answer(TWO)
    assert (transport.written, transport.closed) == (ONE + LAST % 2, True)


@pytest.mark.parametrize("head", [ask(), ask(query=b"?a=1"), ask(b"X-A: 1", b"x-a: 2", method=b"HEAD")])
def test_request_that_the_parser_does_not_see_is_the_same(door: SlowDoor, head: bytes) -> None:
    protocol, _, _ = connect()
    for data in (head, head, head[:7], head[7:]):
        protocol.data_received(data)
        door.replies[-1].answer(ONE)
    first, again, parsed = door.replies
    assert first.scope == again.scope == parsed.scope
    assert (door.heads[0] is door.heads[1], door.heads[1] == door.heads[2]) == (True, True)
    again.scope["headers"].append((b"x-more", b"of this request alone"))
    assert len(door.heads[1].fields) == len(parsed.scope["headers"])


def test_head_that_comes_again_is_not_read_again_and_is_asked_again(connection: Connection, door: SlowDoor) -> None:
    protocol, _, _ = connection
    for data in (ask(), ask(), ask(query=b"?a=1"), ask()):
        protocol.data_received(data)
        door.replies[-1].answer(ONE)
    assert [head.query for head in door.heads] == [b"", b"", b"a=1", b""]
    assert (door.heads[0] is door.heads[1], door.heads[1] is door.heads[3]) == (True, False)


def test_nothing_of_a_request_is_kept_for_longer_than_its_connection(connection: Connection, door: SlowDoor) -> None:
    protocol, _, _ = connection
    protocol.data_received(ask(b"X-API-Key: secret"))
    door.replies[0].answer(ONE)
    kept = protocol._known
    assert kept is not None
    assert "secret" not in repr(kept)
    protocol.connection_lost(None)
    assert (protocol._known, protocol._known_bytes, protocol._heard) == (None, None, None)


def test_idle_connection_ends_after_uvicorns_keep_alive(connection: Connection, door: SlowDoor) -> None:
    protocol, transport, loop = connection
    protocol.timeout_keep_alive = 30
    protocol.data_received(ask())
    loop.move(100)  # it is not idle
    door.replies[0].answer(ONE)
    loop.move(20)
    protocol.data_received(ask())
    loop.move(20)
    door.replies[1].answer(TWO)
    loop.move(29)
    assert not transport.closed
    loop.move(2)
    assert (transport.written, transport.closed) == (ONE + TWO, True)


@pytest.mark.parametrize("stops", [False, True])
def test_late_reply_that_is_passed_on_is_the_applications(connection: Connection, door: SlowDoor, stops: bool) -> None:
    protocol, transport, loop = connection
    protocol.data_received(ask(b"X-Name: value", query=b"?a=1"))
    if stops:
        protocol.shutdown()
    door.replies[0].pass_on()
    running = protocol._running
    assert running is not None
    assert (loop.tasks, transport.written, running.keep_alive) == (1, b"", not stops)
    scope = running.scope
    assert (scope["path"], scope["query_string"], scope["method"]) == (PATH, b"a=1", "GET")
    assert scope["headers"] == [(b"host", b"localhost"), (b"x-name", b"value")]


def test_garbage_behind_a_late_reply_ends_the_connection_after_it(connection: Connection, door: SlowDoor) -> None:
    protocol, transport, _ = connection
    protocol.data_received(ask())
    protocol.data_received(b"garbage\r\n\r\n")
    assert (transport.written, transport.closed) == (b"", False)
    door.replies[0].answer(ONE)
    assert (transport.written, transport.closed) == (LAST % 1, True)


def test_connection_that_ends_with_the_answer_says_so(connection: Connection, door: SlowDoor) -> None:
    protocol, transport, loop = connection
    protocol.data_received(ask(b"Connection: close"))
    door.replies[0].answer(ONE)
    assert (transport.written, transport.closed, loop.tasks) == (LAST % 1, True, 0)


def test_what_the_door_does_not_see_to_is_the_applications(connection: Connection, door: SlowDoor) -> None:
    protocol, transport, loop = connection
    door.refuses = True
    protocol.data_received(ask())
    assert (loop.tasks, len(door.heads), transport.written) == (1, 1, b"")


def test_what_the_door_cannot_read_it_is_not_asked(connection: Connection, door: SlowDoor) -> None:
    protocol, _, loop = connection
    protocol.data_received(ask(query=b"?mine=no"))
    assert (loop.tasks, door.heads) == (1, [])


@pytest.mark.parametrize("data", [ask().replace(b"1.1", b"1.0"), ask(b"Connection: Upgrade", b"Upgrade: h2c")])
def test_older_version_and_offer_to_upgrade_are_the_applications(
    connection: Connection, door: SlowDoor, data: bytes
) -> None:
    protocol, _, loop = connection
    protocol.data_received(data)
    assert (loop.tasks, door.heads) == (1, [])


def test_head_that_is_known_again_ends_the_time_for_it(connection: Connection, door: SlowDoor) -> None:
    protocol, transport, loop = connection
    protocol.data_received(ask())
    door.replies[0].answer(ONE)
    protocol.data_received(b"\r\n")  # begins the time for a header, and is none
    protocol.data_received(ask())
    loop.move(2 * MAX_HEADER_SECONDS)
    door.replies[1].answer(TWO)
    assert (transport.written, transport.closed) == (ONE + TWO, False)


def test_reply_knows_its_request_and_the_date(connection: Connection, door: SlowDoor) -> None:
    protocol, _, _ = connection
    protocol.data_received(ask(query=b"?a=%20", method=b"HEAD"))
    (reply,), (head,) = door.replies, door.heads
    scope = reply.scope
    assert reply.date == DATE
    protocol.server_state.default_headers = [(b"date", b"a second later")]
    assert reply.date == b"a second later"
    assert (scope["type"], scope["method"], scope["path"], scope["raw_path"]) == ("http", "HEAD", PATH, PATH.encode())
    assert (scope["query_string"], scope["http_version"]) == (b"a=%20", "1.1")
    assert head == ("HEAD", PATH, b"a=%20", scope["headers"])
    assert repr(head) == f"<Head HEAD {PATH}>"


def test_connection_whose_client_does_not_read_the_end_is_dropped(connection: Connection, door: SlowDoor) -> None:
    """The end waits for what is unsent, and nothing else would ever come of it."""
    protocol, transport, loop = connection
    protocol.timeout_keep_alive = 30
    protocol.data_received(ask())
    door.replies[0].answer(ONE)
    loop.move(32)
    assert (transport.closed, transport.aborted) == (True, False)
    loop.move(MAX_PAUSED_SECONDS + 2)
    assert transport.aborted


def test_a_door_that_fails_as_it_is_asked_leaves_the_request_to_the_application(
    connection: Connection, door: SlowDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol, transport, loop = connection

    def fail(*_: object) -> bool:
        raise RuntimeError("nobody foresaw that")

    monkeypatch.setitem(FAST_PATHS, PATH, FastPathEndpoint(door.read, fail))
    protocol.data_received(ask())
    assert (transport.written, transport.closed, loop.tasks) == (b"", False, 1)


def test_a_reply_that_can_be_neither_made_nor_passed_on_ends_the_connection(
    connection: Connection, door: SlowDoor
) -> None:
    protocol, transport, _ = connection
    protocol.data_received(ask())
    door.replies[0].give_up()
    door.replies[0].answer(ONE)
    assert (transport.written, transport.aborted) == (b"", True)
