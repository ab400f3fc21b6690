"""Connections on which nothing comes any more are cut, and no others."""

import socket
import threading
from typing import Any

import psycopg
import pytest
from django.db import connections

from apikeys.cache.query_deadlines import query_deadline, use_unpooled_connection


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


def test_unpooled_connection_gets_no_older_than_pooled_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it would follow a server that was replaced behind the same address."""
    found: list[dict[str, Any]] = []

    def look() -> None:
        monkeypatch.setitem(connections.settings["default"]["OPTIONS"], "pool", {"max_lifetime": 300})
        use_unpooled_connection()
        found.append(connections["default"].settings_dict)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    ((age, checks, pool),) = [(it["CONN_MAX_AGE"], it["CONN_HEALTH_CHECKS"], "pool" in it["OPTIONS"]) for it in found]
    assert (age, checks, pool) == (300, False, False)
    assert "pool" in connections.settings["default"]["OPTIONS"]
