"""How a connection, and a listening socket, end while a worker drains: nothing that was sent is lost."""

import os
import socket
from contextlib import closing

import pytest

from httpserver.listening_socket import drop_new_handshakes
from httpserver.shutdown_barrier import ShutdownBarrier
from tests.httpserver.wire import Connection, connect
from tests.support.waiting import wait_until

REQUEST = b"GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\n\r\n"


def is_last(connection: Connection) -> bool:
    """Whether the response to the request that is in progress will close the connection."""
    protocol, _, _ = connection
    return not protocol.cycle.keep_alive


def respond(connection: Connection) -> None:
    """Complete the response to the request that is in progress."""
    protocol, _, _ = connection
    protocol.cycle.response_started = protocol.cycle.response_complete = True
    protocol.on_response_complete()


def test_next_request_is_the_last_one() -> None:
    protocol, transport, _ = connection = connect()
    protocol.data_received(REQUEST)
    respond(connection)
    protocol.drain()
    assert not transport.closed
    protocol.data_received(REQUEST)
    assert is_last(connection)


def test_request_in_progress_is_the_last_one() -> None:
    protocol, _, _ = connection = connect()
    protocol.data_received(REQUEST)
    assert not is_last(connection)
    protocol.drain()
    assert is_last(connection)


def test_response_that_has_begun_keeps_its_promise() -> None:
    """Its header has not said that the connection ends, so the client may send another request."""
    protocol, _, _ = connection = connect()
    protocol.data_received(REQUEST)
    protocol.cycle.response_started = True
    protocol.drain()
    assert not is_last(connection)
    respond(connection)
    protocol.data_received(REQUEST)
    assert is_last(connection)


def test_last_request_of_a_pipeline_is_the_last_one() -> None:
    protocol, _, _ = connection = connect()
    protocol.data_received(3 * REQUEST)
    first = protocol._running
    assert first is not None
    protocol.drain()
    assert first.keep_alive
    assert is_last(connection)


def test_new_connection_has_one_request() -> None:
    protocol, _, _ = connect()
    protocol.server_state.draining = True
    _, transport, _ = other = connect(protocol.server_state)
    other[0].data_received(REQUEST)
    assert is_last(other)
    assert not transport.closed


def test_idle_connection_ends_at_once() -> None:
    protocol, transport, _ = connection = connect()
    protocol.data_received(REQUEST)
    respond(connection)
    protocol.shutdown()
    assert transport.closed


@pytest.mark.parametrize("sent", [b"", REQUEST[:20]], ids=["nothing yet", "half a header"])
def test_connection_that_has_just_begun_gets_a_moment(sent: bytes) -> None:
    protocol, transport, loop = connection = connect()
    if sent:
        protocol.data_received(sent)
    loop.move(0.5)
    protocol.shutdown()
    loop.move(0.4)
    assert not transport.closed
    protocol.data_received(REQUEST[len(sent) :])
    loop.move(1.0)
    assert not transport.closed
    assert is_last(connection)


def test_connection_that_never_begins_ends() -> None:
    protocol, transport, loop = connect()
    protocol.shutdown()
    loop.move(1.1)
    assert transport.closed


def test_all_processes_leave_together() -> None:
    """Those that are ready, and those that were killed, count; the others are waited for."""
    departure = ShutdownBarrier()
    done, hold = os.pipe()
    worker = os.fork()
    if not worker:
        os.read(done, 1)
        os._exit(0)
    departure.be_ready()
    departure.be_ready()
    assert not departure.all_are_ready()
    os.write(hold, b"x")
    os.waitpid(worker, 0)
    assert departure.all_are_ready()
    for descriptor in (done, hold):
        os.close(descriptor)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_queued_connection_is_kept_and_new_ones_wait(family: socket.AddressFamily) -> None:
    address = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.create_server((address, 0), family=family) as listening, closing(socket.socket(family)) as late:
        where = listening.getsockname()
        with socket.create_connection(where[:2], timeout=10) as queued:
            queued.sendall(REQUEST)
            drop_new_handshakes(listening)
            late.setblocking(False)
            assert late.connect_ex(where) != 0
            accepted, _ = listening.accept()
            with accepted:
                assert accepted.recv(1000) == REQUEST
                queued.sendall(REQUEST)
                assert accepted.recv(1000) == REQUEST
        with pytest.raises(BlockingIOError):
            listening.setblocking(False)
            listening.accept()
        listening.close()
        # The client repeats its first segment, and is refused: it knows that nobody has its request.
        wait_until(lambda: late.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0, "the refusal", seconds=10)
