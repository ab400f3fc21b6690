"""The bounds of the HTTP protocol, with a clock that the test moves."""

import pytest

from httpserver.protocol import MAX_HEADER_BYTES
from httpserver.streaming_response import StreamHandle, abort
from httpserver.timeouts import MAX_HEADER_SECONDS
from tests.httpserver.wire import Connection, connect


@pytest.fixture
def connection() -> Connection:
    return connect()


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nX-Slow: "])
def test_header_that_does_not_come_ends_the_connection(connection: Connection, sent: bytes) -> None:
    protocol, transport, loop = connection
    if sent:
        protocol.data_received(sent)
    loop.move(MAX_HEADER_SECONDS - 0.1)
    assert transport.written == b""
    loop.move(1.2)
    assert transport.written.startswith(b"HTTP/1.1 408 ")
    loop.move(2)
    assert transport.closed


def test_drip_by_drip_is_no_way_around(connection: Connection) -> None:
    protocol, transport, loop = connection
    protocol.data_received(b"GET / HTTP/1.1\r\nX-Slow: ")
    for _ in range(12):
        loop.move(1)
        protocol.data_received(b"x")
    assert transport.written.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("piece", [1000, 20_000, 65_536])
def test_header_without_end_takes_bounded_bytes(connection: Connection, piece: int) -> None:
    protocol, transport, _ = connection
    protocol.data_received(b"GET / HTTP/1.1\r\nX-Big: ")
    sent = 0
    while not transport.written and sent < 10 * MAX_HEADER_BYTES:
        protocol.data_received(b"x" * piece)
        sent += piece
    assert transport.written.startswith(b"HTTP/1.1 431 ")
    assert sent <= 2 * MAX_HEADER_BYTES + piece


def test_whole_header_in_time_is_left_alone(connection: Connection) -> None:
    protocol, transport, loop = connection
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    loop.move(3 * MAX_HEADER_SECONDS)
    assert transport.written == b""
    assert not transport.closed


REQUEST = b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_nothing_is_kept_behind_an_answer_without_an_end_and_its_reading_goes_on(connection: Connection) -> None:
    protocol, transport, loop = connection
    protocol.data_received(REQUEST * 2)
    readings = [transport.reading]
    ended: list[str] = []
    running = protocol._running
    assert running is not None
    StreamHandle(running.scope).by(lambda: ended.append("asked"))
    protocol.data_received(REQUEST + b"GET /half")
    readings.append(transport.reading)
    assert readings == [False, True]
    assert not protocol.pipeline
    loop.move(2 * MAX_HEADER_SECONDS)
    assert (transport.written, transport.closed, ended) == (b"", False, [])
    assert protocol.eof_received() is True
    assert ended == ["asked"]


def test_application_of_a_dropped_connection_need_not_complete_its_answer(connection: Connection) -> None:
    protocol, transport, _ = connection
    protocol.data_received(REQUEST)
    running = protocol._running
    assert running is not None
    abort(running.scope)
    assert transport.aborted
    assert running.disconnected


def test_connection_that_is_lost_is_told_to_the_request_under_way_and_not_the_last_alone(
    connection: Connection,
) -> None:
    protocol, _, _ = connection
    protocol.data_received(REQUEST * 2)
    running = protocol._running
    assert running is not None
    protocol.connection_lost(ConnectionResetError())
    assert running.disconnected
