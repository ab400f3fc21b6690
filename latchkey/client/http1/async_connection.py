"""Connection that suspends the calling task."""

import asyncio
import ssl
import time
from typing import Self, cast

from latchkey.client.deadline import Deadline
from latchkey.client.http1.async_dialer import connected_socket
from latchkey.client.http1.malformed import ConnectionLost
from latchkey.client.http1.readiness import is_readable
from latchkey.client.http1.response_parser import ResponseParser
from latchkey.client.http1.server import Server


class AsyncConnection(asyncio.Protocol):
    """A connection that carries one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._parser: ResponseParser | None = None
        self._response: asyncio.Future[None] | None = None
        self._deadline: Deadline | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ends_at = 0.0
        self._idle_since = 0.0
        self._is_closed = False

    @classmethod
    async def open(cls, server: Server, context: ssl.SSLContext, deadline: Deadline) -> Self:
        """Connect to an address of the server. Raises OSError."""
        async with asyncio.timeout(deadline.remaining):
            connected = await connected_socket(server)
            tls, name = (context, server.host) if server.is_encrypted else (None, None)
            try:
                _, connection = await asyncio.get_running_loop().create_connection(
                    cls, sock=connected, ssl=tls, server_hostname=name
                )
            except BaseException:
                connected.close()
                raise
        return connection

    async def exchange(self, message: bytes, parser: ResponseParser, deadline: Deadline) -> None:
        """Send a request, and read its whole response with `parser`.

        Raises OSError, ConnectionLost and what the parser raises. After any of them, and if the task is cancelled, the
        connection must be closed.
        """
        if self._is_closed:
            raise ConnectionLost
        loop = asyncio.get_running_loop()
        self._parser, self._deadline = parser, deadline
        self._response = response = loop.create_future()
        self._watch(loop, deadline)
        self._transport.write(message)
        try:
            await response
        except asyncio.CancelledError:
            if not response.cancelled():
                # It may have failed before. An exception that nothing looks at would be logged.
                response.exception()
            raise
        finally:
            self._parser = self._response = None

    def rest(self) -> None:
        """Note that the connection is idle from now on."""
        self._idle_since = time.monotonic()

    def is_stale(self, keepalive_seconds: float) -> bool:
        """Return whether the connection has been idle for longer, or the server has closed it."""
        if self._is_closed or self.has_expired(keepalive_seconds):
            return True
        # The event loop may not have looked at the socket yet.
        return is_readable(self._transport.get_extra_info("socket").fileno())

    def has_expired(self, keepalive_seconds: float) -> bool:
        """Return whether the connection has been idle for longer."""
        return time.monotonic() - self._idle_since > keepalive_seconds

    def close(self) -> None:
        """Close the connection without waiting for anything."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note that the connection is open."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Read a part of the response."""
        if self._parser is None or self._response is None or self._response.done():
            # Nothing was asked for.
            self.close()
            return
        try:
            complete = self._parser.feed(data)
        except Exception as error:  # noqa: BLE001 - the task that waits raises it
            self._response.set_exception(error)
            return
        if complete:
            self._response.set_result(None)

    def eof_received(self) -> None:
        """End the response: the server has closed its side."""
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the response: the connection is closed."""
        self._end(exc)

    def _end(self, error: Exception | None) -> None:
        self._is_closed = True
        if self._response is None or self._response.done():
            return
        if error is None and self._parser is not None and self._parser.end():
            self._response.set_result(None)
        else:
            self._response.set_exception(error or ConnectionLost())

    def _watch(self, loop: asyncio.AbstractEventLoop, deadline: Deadline) -> None:
        # One timer serves many requests, because most end long before it fires: it then looks at the last one.
        if self._timer is not None:
            if self._timer_ends_at <= deadline.ends_at:
                return
            self._timer.cancel()
        self._timer = loop.call_later(deadline.remaining, self._check_deadline, loop)
        self._timer_ends_at = deadline.ends_at

    def _check_deadline(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._response is None or self._response.done() or self._deadline is None:
            return
        if self._deadline.expired:
            self._response.set_exception(TimeoutError())
        else:
            self._watch(loop, self._deadline)
