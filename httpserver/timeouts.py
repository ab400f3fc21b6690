"""Connection timeouts: for incomplete headers, idle connections, and clients that don't read."""

import asyncio
from typing import Final, Protocol

MAX_HEADER_SECONDS: Final = 10.0
MAX_PAUSED_SECONDS: Final = 60.0
_CHECK_SECONDS: Final = 1.0


class TimedConnection(Protocol):
    """The connection, as far as its timeouts use it."""

    transport: asyncio.Transport
    timeout_keep_alive: int

    def abort(self) -> None:
        """Drop the connection."""

    def record_read_progress(self) -> None:
        """Record that the client reads, even if slowly."""

    def reject(self, status: int) -> None:
        """Send an error response with this status and end the connection."""


class ConnectionTimeouts:
    """Waiting times of a connection: since when it waits for what, by the loop's clock in seconds, or None.

    `header_since`: for a request header, from the start of the connection or from the first byte of a later
    request. `body_since`: for a request body. `idle_since`: no request is in progress. `paused_since`: the client
    has read nothing of what is waiting for it.
    """

    __slots__ = (
        "_closing_since",
        "_connection",
        "_loop",
        "_timer",
        "_unsent_bytes",
        "body_since",
        "header_since",
        "idle_since",
        "paused_since",
    )

    def __init__(self, connection: TimedConnection, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._loop = loop
        self._closing_since: float | None = None
        self.header_since: float | None = loop.time()
        self.body_since: float | None = None
        self.idle_since: float | None = None
        self.paused_since: float | None = None
        self._unsent_bytes = 0
        # One timer per connection checks periodically, which is cheaper than one timer per request.
        self._timer = loop.call_later(_CHECK_SECONDS, self._check)

    @property
    def waiting_since(self) -> float | None:
        """Return the earliest of the four times, or None if the connection waits for nothing."""
        times = (self.header_since, self.body_since, self.idle_since, self.paused_since)
        return min((moment for moment in times if moment is not None), default=None)

    def stop(self) -> None:
        """Stop the timer, because the connection is closed."""
        self._timer.cancel()
        # Break the reference cycle, so that the connection is freed without waiting for the garbage collector.
        del self._connection

    def _check(self) -> None:
        connection, now = self._connection, self._loop.time()
        if self.paused_since is not None:
            before, self._unsent_bytes = self._unsent_bytes, connection.transport.get_write_buffer_size()
            if self._unsent_bytes < before:
                connection.record_read_progress()
            elif now - self.paused_since > MAX_PAUSED_SECONDS:
                connection.abort()
                return
        if self.idle_since is not None and now - self.idle_since >= connection.timeout_keep_alive:
            connection.transport.close()
        # close() waits until the client has read everything. Without this limit, it could wait forever.
        if connection.transport.is_closing() and self._closing_too_long(now):
            connection.abort()
            return
        self._timer = self._loop.call_later(_CHECK_SECONDS, self._check)
        if self.header_since is not None and now - self.header_since > MAX_HEADER_SECONDS:
            connection.reject(408)

    def _closing_too_long(self, now: float) -> bool:
        """Return whether the connection has been closing for more than MAX_PAUSED_SECONDS."""
        if self._closing_since is None:
            self._closing_since = now
        return now - self._closing_since > MAX_PAUSED_SECONDS
