"""Limit on the bytes buffered for slow clients."""

import pytest

from httpserver.buffer_limit import INCOMPLETE_BODIES, KERNEL_BUFFER_BYTES, BufferLimit
from httpserver.timeouts import MAX_PAUSED_SECONDS
from tests.httpserver.wire import Connection, connect

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Reader:
    def __init__(self) -> None:
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


def test_longest_inactive_reader_is_dropped() -> None:
    unsent = BufferLimit(3 * (KERNEL_BUFFER_BYTES + 10))
    first, second, third, fourth = readers = [Reader() for _ in range(4)]
    for reader in (first, second, third):
        unsent.record(reader, 10)
    unsent.record(first, 5)
    unsent.record(fourth, 10)
    assert [reader.aborted for reader in readers] == [False, True, False, False]
    assert unsent.total == 3 * KERNEL_BUFFER_BYTES + 25


def test_single_large_response_is_allowed() -> None:
    unsent, reader = BufferLimit(1000), Reader()
    unsent.record(reader, 5000)
    assert not reader.aborted


def test_forgotten_bytes_are_not_counted() -> None:
    unsent, reader = BufferLimit(), Reader()
    unsent.record(reader, 5000)
    unsent.forget(reader)
    unsent.forget(reader)
    assert unsent.total == 0


@pytest.fixture
def connection() -> Connection:
    return connect()


def test_client_that_stops_reading_is_aborted(connection: Connection) -> None:
    protocol, transport, loop = connection
    protocol.data_received(GET)
    transport.unsent = 100_000
    protocol.pause_writing()
    loop.move(MAX_PAUSED_SECONDS - 1)
    assert not transport.aborted
    loop.move(3)
    assert transport.aborted


def test_slow_reader_is_not_aborted(connection: Connection) -> None:
    protocol, transport, loop = connection
    protocol.data_received(GET)
    transport.unsent = 100_000
    protocol.pause_writing()
    for _ in range(3):
        loop.move(MAX_PAUSED_SECONDS - 2)
        transport.unsent -= 1000
        loop.move(1)
    assert not transport.aborted


def test_request_starts_after_previous_response_is_read(connection: Connection) -> None:
    protocol, _, loop = connection
    protocol.pause_writing()
    protocol.data_received(GET)
    assert loop.tasks == 0
    protocol.resume_writing()
    assert loop.tasks == 1


def test_deferred_request_is_dropped_on_disconnect(connection: Connection) -> None:
    protocol, _, loop = connection
    protocol.pause_writing()
    protocol.data_received(GET)
    protocol.connection_lost(None)
    protocol.resume_writing()
    assert loop.tasks == 0


def test_incomplete_body_is_counted(connection: Connection) -> None:
    protocol, _, _ = connection
    before = INCOMPLETE_BODIES.total
    protocol.data_received(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345")
    assert INCOMPLETE_BODIES.total - before == KERNEL_BUFFER_BYTES + 5
    protocol.data_received(b"678")
    assert INCOMPLETE_BODIES.total - before == KERNEL_BUFFER_BYTES + 8
    protocol.data_received(b"90")
    assert INCOMPLETE_BODIES.total == before


def test_disconnect_releases_incomplete_body(connection: Connection) -> None:
    protocol, _, _ = connection
    before = INCOMPLETE_BODIES.total
    protocol.data_received(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345")
    protocol.connection_lost(None)
    assert INCOMPLETE_BODIES.total == before
