"""The load generators and the relay that the benchmarks share with the tests."""

import socket
import time
from contextlib import suppress
from threading import Event, Timer

import pytest

from tests.support.open_loop import TIMEOUT_SECONDS, send_for
from tests.support.ports import free_port
from tests.support.raw_http import Response, parse
from tests.support.relay import Relay
from tests.support.threaded_server import served

WHOLE = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\n\r\nbody"


def test_parse() -> None:
    assert parse(WHOLE) == Response(429, b"body")
    assert parse(b"HTTP/1.1 204 No Content\r\n\r\n") == Response(204, b"")
    assert {parse(WHOLE[:length]) for length in range(len(WHOLE))} == {None}
    with pytest.raises(ValueError, match="Content-Length"):
        parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")


def test_requests_do_not_wait_for_those_before_them() -> None:
    released = Event()

    def respond(connection: socket.socket) -> None:
        connection.recv(100)
        released.wait(10)
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with served(respond) as port:
        Timer(0.4, released.set).start()
        responses = send_for(0.2, port, {"/": b"GET / HTTP/1.1\r\n\r\n"}, 25)["/"]
    assert responses.statuses == (204,) * 5
    assert min(responses.seconds) > 0.1


def test_a_refused_request_has_no_status_and_is_late() -> None:
    responses = send_for(0.2, free_port(), {"/": b""}, 25)["/"]
    assert responses.statuses == (0,) * 5
    assert min(responses.seconds) >= TIMEOUT_SECONDS


def echo(connection: socket.socket) -> None:
    with suppress(ConnectionError):
        while data := connection.recv(10):
            connection.sendall(data)


def test_relay_loses_packets_and_delivers_them_later() -> None:
    with served(echo) as port, Relay("127.0.0.1", port) as relay:
        address = ("127.0.0.1", relay.port)
        with socket.create_connection(address, 5) as client:
            client.sendall(b"one")
            assert client.recv(10) == b"one"
            relay.set("lose")
            client.sendall(b"two")
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.recv(10)
            with pytest.raises(TimeoutError):
                socket.create_connection(address, 0.2)
            relay.set("pass")
            client.settimeout(5)
            assert client.recv(10) == b"two"
            with socket.create_connection(address, 5) as another:
                another.sendall(b"three")
                assert another.recv(10) == b"three"


def test_relay_delays_bytes_and_the_end() -> None:
    with (
        served(echo) as port,
        Relay("127.0.0.1", port, delay=0.05) as relay,
        socket.create_connection(("127.0.0.1", relay.port), 5) as client,
    ):
        began = time.perf_counter()
        client.sendall(b"question")
        assert client.recv(10) == b"question"
        assert time.perf_counter() - began >= 0.1
        client.shutdown(socket.SHUT_WR)
        assert client.recv(10) == b""
    assert relay.connections == 1
