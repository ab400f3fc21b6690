"""Connections on which nothing comes any more are cut, and no others."""

import socket
import threading

import psycopg
import pytest

from apikeys.cache.query_deadlines import query_deadline


class OnServer:
    """A thread's way to a server, whose connection is one end of a pair of sockets."""

    vendor = "any"
    Database = psycopg

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection


def test_deadline_closes_own_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    here, server = socket.socketpair()
    other, server_of_other = socket.socketpair()
    with here, server, other, server_of_other:
        here.settimeout(5)
        monkeypatch.setattr("apikeys.cache.query_deadlines.connections", {"default": OnServer(here)})
        with query_deadline(0.01):
            assert here.recv(1) == b""
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.recv(1)


def test_deadline_closes_second_connection_too(monkeypatch: pytest.MonkeyPatch) -> None:
    one, server_of_one = socket.socketpair()
    two, server_of_two = socket.socketpair()
    with one, server_of_one, two, server_of_two:
        wrapper = OnServer(one)
        monkeypatch.setattr("apikeys.cache.query_deadlines.connections", {"default": wrapper})
        with query_deadline(0.01):
            for waiting in (one, two):
                waiting.settimeout(5)
                wrapper.connection = waiting
                assert waiting.recv(1) == b""


def test_response_in_time_closes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    here, server = socket.socketpair()
    with here, server:
        monkeypatch.setattr("apikeys.cache.query_deadlines.connections", {"default": OnServer(here)})
        server.send(b"x")
        with query_deadline(600.0) as nothing:
            assert here.recv(1) == b"x"
        assert nothing is None
        for thread in [thread for thread in threading.enumerate() if thread.name == "query-deadline"]:
            thread.join(5)
            assert not thread.is_alive()
