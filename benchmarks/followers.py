"""Followers: many open event streams, read by one thread."""

import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from benchmarks import paths
from benchmarks.failure import CouldNotMeasure
from benchmarks.load import PATIENCE_SECONDS, get_request, receive

_OPEN: Final = b": open\n\n"


class Followers:
    """Open event streams, one per connection."""

    def __init__(self, connections: Sequence[socket.socket]) -> None:
        self._connections = connections

    def arrivals(self, text: bytes) -> list[float]:
        """Wait until `text` has arrived on every stream; return the times by `time.perf_counter`, in ascending order.

        Raise CouldNotMeasure if nothing arrives for too long.
        """
        found: list[float] = []
        received = dict.fromkeys(self._connections, b"")
        with selectors.DefaultSelector() as selector:
            for connection in self._connections:
                selector.register(connection, selectors.EVENT_READ, data=connection)
            while len(found) < len(self._connections):
                ready = selector.select(PATIENCE_SECONDS)
                if not ready:
                    raise CouldNotMeasure(f"{len(found)} of {len(received)} streams showed what they all should.")
                for key, _ in ready:
                    received[key.data] += receive(key.data)
                    if text in received[key.data]:
                        found.append(time.perf_counter())
                        selector.unregister(key.data)
        return found


@contextmanager
def following(port: int, credentials: Sequence[str], streams: int) -> Iterator[Followers]:
    """Keep `streams` event streams open while the context lasts, distributed over the credentials."""
    connections: list[socket.socket] = []
    try:
        for number in range(streams):
            connection = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
            connections.append(connection)
            credential = credentials[number % len(credentials)]
            connection.sendall(get_request(paths.EVENTS, accept="text/event-stream", x_api_key=credential))
        followers = Followers(connections)
        followers.arrivals(_OPEN)
        yield followers
    finally:
        for connection in connections:
            # The server may have closed the connection already.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
