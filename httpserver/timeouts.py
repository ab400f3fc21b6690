"""Connection timeouts: for incomplete headers, idle connections, and clients that don't read."""

import asyncio
from typing import Final, Protocol

MAX_HEADER_SECONDS: Final = 10.0
MAX_PAUSED_SECONDS: Final = 60.0
_CHECK_SECONDS: Final = 1.0


class Watched(Protocol):
    """The connection, as far as its timeouts use it."""

    transport: asyncio.Transport
    timeout_keep_alive: int

    def abort(self) -> None:
        """Drop the connection."""

    def has_read(self) -> None:
        """Record that the client reads, even if slowly."""

    def refuse(self, status: int) -> None:
        """Send an error response with this status and end the connection."""


class Watch:
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
        "_unsent",
        "body_since",
        "header_since",
        "idle_since",
        "paused_since",
    )

    def __init__(self, connection: Watched, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._loop = loop
        self._closing_since: float | None = None
        self.header_since: float | None = loop.time()
        self.body_since: float | None = None
        self.idle_since: float | None = None
        self.paused_since: float | None = None
        self._unsent = 0
        # One timer per connection checks periodically, which is cheaper than one timer per request.
        self._timer = loop.call_later(_CHECK_SECONDS, self._look)

    @property
    def waits_since(self) -> float | None:
        """Return the earliest of the four times, or None if the connection waits for nothing."""
        moments = (self.header_since, self.body_since, self.idle_since, self.paused_since)
        return min((moment for moment in moments if moment is not None), default=None)

    def end(self) -> None:
        """Stop the timer, because the connection is closed."""
        self._timer.cancel()
        # Break the reference cycle, so that the connection is freed without waiting for the garbage collector.
        del self._connection

    def _look(self) -> None:
        connection, now = self._connection, self._loop.time()
        if self.paused_since is not None:
            before, self._unsent = self._unsent, connection.transport.get_write_buffer_size()
            if self._unsent < before:
                connection.has_read()
            elif now - self.paused_since > MAX_PAUSED_SECONDS:
                connection.abort()
                return
        if self.idle_since is not None and now - self.idle_since >= connection.timeout_keep_alive:
            connection.transport.close()
        # close() waits until the client has read everything. Without this limit, it could wait forever.
        if connection.transport.is_closing() and self._closes_too_long(now):
            connection.abort()
            return
        self._timer = self._loop.call_later(_CHECK_SECONDS, self._look)
        if self.header_since is not None and now - self.header_since > MAX_HEADER_SECONDS:
            connection.refuse(408)

    def _closes_too_long(self, now: float) -> bool:
        """Return whether the connection has been closing for more than MAX_PAUSED_SECONDS."""
        if self._closing_since is None:
            self._closing_since = now
        return now - self._closing_since > MAX_PAUSED_SECONDS
