"""Connections that are evenly distributed over a server's workers."""

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
    """Open connections to a server that may still be starting, the same number to every worker.

    Raise CouldNotMeasure if they aren't evenly distributed after 30 seconds.
    """
    # The first worker that is up would accept all of them, and the measured rate would be that of one worker. So
    # close what a worker has beyond its share, and open others, until the shares are even.
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
    """Wait until every worker responds."""
    connect(port, workers=workers, connections=workers).close()


def workers_of(load: Load) -> list[int]:
    """Return the sorted process IDs of the workers that serve the connections."""
    return sorted({int(body) for body in load.bodies(get_request(paths.WORKER))})


def _add(kept: dict[bytes, list[socket.socket]], share: int, opened: list[socket.socket]) -> None:
    """Move the connections in `opened` whose worker doesn't have its share yet to `kept`, and close the others."""
    try:
        for connection in list(opened):
            held = kept.setdefault(_worker(connection), [])
            if len(held) < share:
                held.append(connection)
                opened.remove(connection)
    finally:
        _close(opened)


def _open(port: int, number: int) -> list[socket.socket]:
    """Open `number` connections, and send a request on each that asks for its worker."""
    # All requests are sent before any response is read: otherwise an idle worker would accept the next connection too.
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
