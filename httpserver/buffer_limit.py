"""Limit on the bytes buffered for slow clients, over all connections of a worker."""

import socket
from typing import Any, Final, Protocol

import structlog

from httpserver.summary_log import SummaryLog

MAX_HELD_BYTES: Final = 32 << 20
# If more than this many bytes of a connection are unread, its application is paused (`pause_writing`).
HIGH_WATER_BYTES: Final = 8192
# Bytes per connection that the kernel buffers before it sends them. Its own default is up to 2.5 MB.
KERNEL_BYTES: Final = 65_536
_TCP_NOTSENT_LOWAT: Final = 25

log = structlog.get_logger(__name__)


class Client(Protocol):
    """A connection for which bytes are held."""

    def abort(self) -> None:
        """Drop the connection and what is held for it."""


class BufferLimit:
    """Bytes that this process and the kernel hold for slow clients, limited to `most` in total.

    Above the limit, the connection whose client has been inactive longest is dropped.
    """

    def __init__(self, most: int = MAX_HELD_BYTES) -> None:
        self._most = most
        # Insertion order is activity order: the client that has been inactive longest comes first.
        self._bytes: dict[Client, int] = {}
        self._dropped = SummaryLog(lambda count: log.warning("slow_clients_dropped", count=count))
        self.total = 0

    def note(self, client: Client, size: int) -> None:
        """Record that `size` bytes are held for `client`, which was just active. Drop others if that is too much."""
        self.forget(client)
        self._bytes[client] = size + KERNEL_BYTES
        self.total += size + KERNEL_BYTES
        while self.total > self._most and len(self._bytes) > 1:
            slowest = next(iter(self._bytes))
            self.forget(slowest)
            slowest.abort()
            self._dropped.add(1)

    def forget(self, client: Client) -> None:
        """Record that nothing is held for `client`."""
        self.total -= self._bytes.pop(client, 0)


# Two limits, so that slow uploads can't cause slow readers to be dropped, and the reverse.
UNSENT: Final = BufferLimit()
"""The process's answers that are not read."""
BODIES: Final = BufferLimit()
"""The process's bodies that are not complete."""


def bound_kernel(listener: Any) -> None:
    """Limit what the kernel buffers to about KERNEL_BYTES for each connection accepted from `listener`, a socket."""
    if listener.family in (socket.AF_INET, socket.AF_INET6):
        listener.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, KERNEL_BYTES)
