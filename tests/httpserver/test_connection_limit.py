"""Connection limit: which connections are closed above it."""

import pytest

from httpserver.connection_limit import ConnectionLimit
from httpserver.descriptors import MAX_CONNECTIONS, MIN_DESCRIPTORS, worker_limits
from tests.httpserver.wire import Connection, connect

MOST = 32
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Held:
    """A connection that has waited for its client since `waiting_since`, or works."""

    def __init__(self, waiting_since: float | None) -> None:
        self.waiting_since = waiting_since
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


def test_no_connection_is_closed_at_limit() -> None:
    connections = {Held(float(number)) for number in range(MOST)}
    ConnectionLimit(MOST).enforce(connections)
    assert len(connections) == MOST


def test_longest_waiting_connections_are_closed_first() -> None:
    held = [Held(float(number)) for number in range(MOST + 1)]
    connections = set(held)
    ConnectionLimit(MOST).enforce(connections)
    assert [one.aborted for one in held] == [True, True] + [False] * (MOST - 1)
    assert connections == set(held[2:])


def test_busy_connection_is_never_closed() -> None:
    held, new = [Held(None) for _ in range(MOST)], Held(1.0)
    connections = {*held, new}
    ConnectionLimit(MOST).enforce(connections)
    assert new.aborted
    assert connections == set(held)


@pytest.mark.parametrize("descriptors", [0, MIN_DESCRIPTORS, 1024, 4096, 20_000, 1 << 30])
def test_limits_fit_into_descriptors(descriptors: int) -> None:
    found = worker_limits(descriptors)
    assert 0 < found.connections <= MAX_CONNECTIONS
    assert found.connections + found.backlog < max(descriptors, MIN_DESCRIPTORS)


def test_many_descriptors_allow_maximum() -> None:
    assert worker_limits(20_000).connections == MAX_CONNECTIONS


@pytest.fixture
def connection() -> Connection:
    return connect()


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nx"]
)
def test_incomplete_request_waits_for_client(connection: Connection, sent: bytes) -> None:
    protocol, _, loop = connection
    loop.move(1)
    if sent:
        protocol.data_received(sent)
    assert protocol.waiting_since == (1.0 if b"\r\n" in sent else 0.0)


def test_request_in_progress_is_not_waiting(connection: Connection) -> None:
    protocol, _, loop = connection
    protocol.data_received(GET)
    assert protocol.waiting_since is None
    loop.move(1)
    protocol.data_received(b"GET / HT")
    assert protocol.waiting_since is None


def test_unread_response_waits_for_client(connection: Connection) -> None:
    protocol, _, loop = connection
    protocol.data_received(GET)
    loop.move(1)
    protocol.pause_writing()
    assert protocol.waiting_since == 1.0


def test_idle_connection_waits_since_response(connection: Connection) -> None:
    protocol, _, loop = connection
    protocol.data_received(GET)
    loop.move(2)
    protocol.cycle.response_complete = True
    protocol.on_response_complete()
    assert protocol.waiting_since == 2.0
