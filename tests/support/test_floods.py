"""What the clients of a flood do."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from threading import Event, Thread

import pytest

from tests.support.floods.attack import Attack
from tests.support.floods.kinds import Flood
from tests.support.threaded_server import served
from tests.support.waiting import wait_until

REQUEST = b"GET / HTTP/1.1\r\n\r\n"
RESPONSE = b"HTTP/1.1 204 No Content\r\n\r\n"


@contextmanager
def attacking(port: int, *, reads: bool, together: bool = False, addresses: int = 1) -> Iterator[None]:
    """Run a flood of four clients, once its connections are open."""
    flood = Flood("test", lambda _: repeat(REQUEST), 4, 200, reads=reads, together=together, addresses=addresses)
    opened, (control, end) = Event(), os.pipe()
    thread = Thread(target=Attack(flood, port).run, args=(opened.set, control))
    thread.start()
    assert opened.wait(10)
    yield
    os.close(end)
    thread.join(10)
    os.close(control)


@pytest.mark.parametrize("together", [False, True])
def test_clients_that_read_send_again(together: bool) -> None:
    arrived: list[int] = []

    def respond(connection: socket.socket) -> None:
        while connection.recv(len(REQUEST)):
            arrived.append(connection.getpeername()[1])
            connection.sendall(RESPONSE)

    with served(respond) as port, attacking(port, reads=True, together=together):
        wait_until(lambda: len(arrived) >= 12, "twelve requests")
    assert len(set(arrived)) == 4


@pytest.mark.parametrize("reads", [False, True])
def test_clients_that_are_disconnected_return(reads: bool) -> None:
    arrived: list[str] = []

    def hang_up(connection: socket.socket) -> None:
        connection.recv(len(REQUEST))
        arrived.append(connection.getpeername()[0])

    with served(hang_up) as port, attacking(port, reads=reads, addresses=2):
        wait_until(lambda: len(arrived) >= 12, "twelve connections")
    assert set(arrived) == {"127.0.0.1", "127.0.0.2"}
