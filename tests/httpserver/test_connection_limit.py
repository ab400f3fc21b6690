"""Which connections are closed when there are too many."""

import pytest

from httpserver.connection_limit import ConnectionLimit
from httpserver.descriptors import LEAST, MOST_CONNECTIONS, bounds
from tests.httpserver.wire import Connection, connect

MOST = 32
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Held:
    """A connection that has waited for its client since `waits_since`, or works."""

    def __init__(self, waits_since: float | None) -> None:
        self.waits_since = waits_since
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


def test_nothing_is_closed_up_to_the_limit() -> None:
    connections = {Held(float(number)) for number in range(MOST)}
    ConnectionLimit(MOST).keep(connections)
    assert len(connections) == MOST


def test_those_that_wait_longest_are_closed_first() -> None:
    held = [Held(float(number)) for number in range(MOST + 1)]
    connections = set(held)
    ConnectionLimit(MOST).keep(connections)
    assert [one.aborted for one in held] == [True, True] + [False] * (MOST - 1)
    assert connections == set(held[2:])


def test_what_is_worked_on_is_never_closed_for_a_new_one() -> None:
    held, new = [Held(None) for _ in range(MOST)], Held(1.0)
    connections = {*held, new}
    ConnectionLimit(MOST).keep(connections)
    assert new.aborted
    assert connections == set(held)


@pytest.mark.parametrize("descriptors", [0, LEAST, 1024, 4096, 20_000, 1 << 30])
def test_connections_and_backlog_fit_into_the_descriptors(descriptors: int) -> None:
    found = bounds(descriptors)
    assert 0 < found.connections <= MOST_CONNECTIONS
    assert found.connections + found.backlog < max(descriptors, LEAST)


def test_many_descriptors_allow_the_most_connections() -> None:
    assert bounds(20_000).connections == MOST_CONNECTIONS


@pytest.fixture
def connection() -> Connection:
    return connect()


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nx"]
)
def test_connection_waits_for_a_client_that_is_not_done_talking(connection: Connection, sent: bytes) -> None:
    protocol, _, loop = connection
    loop.move(1)
    if sent:
        protocol.data_received(sent)
    assert protocol.waits_since == (1.0 if b"\r\n" in sent else 0.0)


def test_request_under_way_waits_for_nothing(connection: Connection) -> None:
    protocol, _, loop = connection
    protocol.data_received(GET)
    assert protocol.waits_since is None
    loop.move(1)
    protocol.data_received(b"GET / HT")
    assert protocol.waits_since is None


def test_answer_that_is_not_read_waits_for_its_client(connection: Connection) -> None:
    protocol, _, loop = connection
    protocol.data_received(GET)
    loop.move(1)
    protocol.pause_writing()
    assert protocol.waits_since == 1.0


def test_answered_connection_waits_from_its_answer_on(connection: Connection) -> None:
    protocol, _, loop = connection
    protocol.data_received(GET)
    loop.move(2)
    protocol.cycle.response_complete = True
    protocol.on_response_complete()
    assert protocol.waits_since == 2.0
