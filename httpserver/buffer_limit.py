"""Limit on the bytes buffered for slow clients, over all connections of a worker."""

import socket
from typing import Any, Final, Protocol

import structlog

from httpserver.summary_log import SummaryLog

MAX_BUFFERED_BYTES: Final = 32 << 20
# If more than this many bytes of a connection are unread, its application is paused (`pause_writing`).
HIGH_WATER_BYTES: Final = 8192
# Bytes per connection that the kernel buffers before it sends them. Its own default is up to 2.5 MB.
KERNEL_BUFFER_BYTES: Final = 65_536
_TCP_NOTSENT_LOWAT: Final = 25

log = structlog.get_logger(__name__)


class BufferedConnection(Protocol):
    """A connection for which bytes are held."""

    def abort(self) -> None:
        """Drop the connection and what is held for it."""


class BufferLimit:
    """Bytes that this process and the kernel hold for slow clients, limited to `max_bytes` in total.

    Above the limit, the connection whose client has been inactive longest is dropped.
    """

    def __init__(self, max_bytes: int = MAX_BUFFERED_BYTES) -> None:
        self._max_bytes = max_bytes
        # Insertion order is activity order: the client that has been inactive longest comes first.
        self._bytes: dict[BufferedConnection, int] = {}
        self._dropped = SummaryLog(lambda count: log.warning("slow_clients_dropped", count=count))
        self.total = 0

    def record(self, connection: BufferedConnection, size: int) -> None:
        """Record that `size` bytes are held for `connection`, which was just active. Drop others above the limit."""
        self.forget(connection)
        self._bytes[connection] = size + KERNEL_BUFFER_BYTES
        self.total += size + KERNEL_BUFFER_BYTES
        while self.total > self._max_bytes and len(self._bytes) > 1:
            slowest = next(iter(self._bytes))
            self.forget(slowest)
            slowest.abort()
            self._dropped.add(1)

    def forget(self, connection: BufferedConnection) -> None:
        """Record that nothing is held for `connection`."""
        self.total -= self._bytes.pop(connection, 0)


# Two limits, so that slow uploads can't cause slow readers to be dropped, and the reverse.
UNREAD_RESPONSES: Final = BufferLimit()
INCOMPLETE_BODIES: Final = BufferLimit()


def limit_kernel_buffer(listener: Any) -> None:
    """Limit what the kernel buffers to about KERNEL_BYTES for each connection accepted from `listener`, a socket."""
    if listener.family in (socket.AF_INET, socket.AF_INET6):
        listener.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, KERNEL_BUFFER_BYTES)
