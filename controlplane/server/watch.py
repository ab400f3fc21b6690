"""The watch over a connection: it ends one that begins a request and never completes it, idles, or does not read."""

import asyncio
from typing import Final, Protocol

MAX_HEADER_SECONDS: Final = 10.0
MAX_PAUSED_SECONDS: Final = 60.0
_CHECK_SECONDS: Final = 1.0


class Watched(Protocol):
    """The connection."""

    transport: asyncio.Transport
    timeout_keep_alive: int

    def abort(self) -> None:
        """Drops it."""

    def has_read(self) -> None:
        """Notes that its client reads, if slowly."""

    def refuse(self, status: int) -> None:
        """Answers so and ends it."""


class Watch:
    """Since when the connection waits for what, by the loop's clock in seconds; None where it does not.

    `header_since`: the header of a request is to come, from the connection's start or from a later request's first
    byte. `body_since`: the body of a request is to come. `idle_since`: nothing is under way. `paused_since`: the client
    has read nothing of what waits for it.

    One timer a connection looks now and then, which is cheaper than one a request.
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
        self._timer = loop.call_later(_CHECK_SECONDS, self._look)

    @property
    def waits_since(self) -> float | None:
        """The earliest of them; None if it waits for nothing."""
        moments = (self.header_since, self.body_since, self.idle_since, self.paused_since)
        return min((moment for moment in moments if moment is not None), default=None)

    def end(self) -> None:
        """The connection is no more."""
        self._timer.cancel()
        del self._connection  # or the two would hold each other until a collection

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
        if connection.transport.is_closing() and self._closes_too_long(now):
            connection.abort()
            return
        self._timer = self._loop.call_later(_CHECK_SECONDS, self._look)
        if self.header_since is not None and now - self.header_since > MAX_HEADER_SECONDS:
            connection.refuse(408)

    def _closes_too_long(self, now: float) -> bool:
        """The end of a connection waits for a client who does not read the last bytes, else without a bound."""
        if self._closing_since is None:
            self._closing_since = now
        return now - self._closing_since > MAX_PAUSED_SECONDS
