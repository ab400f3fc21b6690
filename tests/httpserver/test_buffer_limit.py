"""What is held for slow clients."""

import pytest

from httpserver.buffer_limit import BODIES, KERNEL_BYTES, BufferLimit
from httpserver.timeouts import MAX_PAUSED_SECONDS
from tests.httpserver.wire import Connection, connect

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Reader:
    def __init__(self) -> None:
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


def test_the_reader_that_waits_longest_is_dropped() -> None:
    unsent = BufferLimit(3 * (KERNEL_BYTES + 10))
    first, second, third, fourth = readers = [Reader() for _ in range(4)]
    for reader in (first, second, third):
        unsent.note(reader, 10)
    unsent.note(first, 5)
    unsent.note(fourth, 10)
    assert [reader.aborted for reader in readers] == [False, True, False, False]
    assert unsent.total == 3 * KERNEL_BYTES + 25


def test_one_large_answer_is_allowed() -> None:
    unsent, reader = BufferLimit(1000), Reader()
    unsent.note(reader, 5000)
    assert not reader.aborted


def test_what_was_read_counts_no_more() -> None:
    unsent, reader = BufferLimit(), Reader()
    unsent.note(reader, 5000)
    unsent.forget(reader)
    unsent.forget(reader)
    assert unsent.total == 0


@pytest.fixture
def connection() -> Connection:
    return connect()


def test_reader_that_reads_nothing_is_cut(connection: Connection) -> None:
    protocol, transport, loop = connection
    protocol.data_received(GET)
    transport.unsent = 100_000
    protocol.pause_writing()
    loop.move(MAX_PAUSED_SECONDS - 1)
    assert not transport.aborted
    loop.move(3)
    assert transport.aborted


def test_slow_reader_is_not_cut(connection: Connection) -> None:
    protocol, transport, loop = connection
    protocol.data_received(GET)
    transport.unsent = 100_000
    protocol.pause_writing()
    for _ in range(3):
        loop.move(MAX_PAUSED_SECONDS - 2)
        transport.unsent -= 1000
        loop.move(1)
    assert not transport.aborted


def test_request_behind_an_answer_that_is_not_read_begins_when_it_was_read(connection: Connection) -> None:
    protocol, _, loop = connection
    protocol.pause_writing()
    protocol.data_received(GET)
    assert loop.tasks == 0
    protocol.resume_writing()
    assert loop.tasks == 1


def test_request_whose_client_leaves_before_it_begins_is_dropped(connection: Connection) -> None:
    protocol, _, loop = connection
    protocol.pause_writing()
    protocol.data_received(GET)
    protocol.connection_lost(None)
    protocol.resume_writing()
    assert loop.tasks == 0


def test_body_is_held_until_it_is_whole(connection: Connection) -> None:
    protocol, _, _ = connection
    before = BODIES.total
    protocol.data_received(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345")
    assert BODIES.total - before == KERNEL_BYTES + 5
    protocol.data_received(b"678")
    assert BODIES.total - before == KERNEL_BYTES + 8
    protocol.data_received(b"90")
    assert BODIES.total == before


def test_body_of_a_client_that_leaves_is_let_go(connection: Connection) -> None:
    protocol, _, _ = connection
    before = BODIES.total
    protocol.data_received(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345")
    protocol.connection_lost(None)
    assert BODIES.total == before
