"""Connections that are shared out evenly among a server's workers."""

import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from benchmarks import paths
from benchmarks.failure import CouldNotMeasure
from benchmarks.load import PATIENCE_SECONDS, Load, get_request, receive
from benchmarks.response import parse

_START_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.05


def connect(port: int, *, workers: int, connections: int) -> Load:
    """Connections to a server that may have been started only now, as many to each worker.

    A worker that is up first would take them all, and a rate would then be that of one worker. So those that a worker
    has beyond its share are closed, and others opened, until the shares are even.
    """
    share = connections // workers
    kept: dict[bytes, list[socket.socket]] = {}
    deadline = time.monotonic() + _START_SECONDS
    try:
        while sum(map(len, kept.values())) < share * workers:
            if time.monotonic() > deadline:
                raise CouldNotMeasure(f"{workers} workers did not take {share} connections each.")
            with suppress(OSError):
                _add(kept, share, _open(port, connections))
            time.sleep(_POLL_SECONDS)
    except BaseException:
        _close(connection for held in kept.values() for connection in held)
        raise
    return Load([connection for held in kept.values() for connection in held])


def wait_for_workers(port: int, workers: int) -> None:
    """Returns once each worker has answered."""
    connect(port, workers=workers, connections=workers).close()


def workers_of(load: Load) -> list[int]:
    """The ids of the processes that serve the connections."""
    return sorted({int(body) for body in load.bodies(get_request(paths.WORKER))})


def _add(kept: dict[bytes, list[socket.socket]], share: int, opened: list[socket.socket]) -> None:
    """Moves those of `opened` to `kept` whose worker has not its share yet, and closes the others."""
    try:
        for connection in list(opened):
            held = kept.setdefault(_worker(connection), [])
            if len(held) < share:
                held.append(connection)
                opened.remove(connection)
    finally:
        _close(opened)


def _open(port: int, number: int) -> list[socket.socket]:
    """Opens so many at once, and asks each who serves it: together, so that no worker is idle and takes the next."""
    opened: list[socket.socket] = []
    try:
        for _ in range(number):
            connection = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
            opened.append(connection)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(get_request(paths.WORKER))
    except BaseException:
        _close(opened)
        raise
    return opened


def _worker(connection: socket.socket) -> bytes:
    received = b""
    while (response := parse(received)) is None:
        received += receive(connection)
    return response.body


def _close(connections: Iterable[socket.socket]) -> None:
    for connection in connections:
        connection.close()
