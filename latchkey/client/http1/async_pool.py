"""Pool of connections to one server, which all tasks of an event loop share."""

import asyncio
import ssl
from collections import deque

from latchkey.client.deadline import Deadline
from latchkey.client.http1.async_connection import AsyncConnection
from latchkey.client.http1.failures import EXCHANGE_ERRORS, connect_failure, exchange_failure, pool_failure
from latchkey.client.http1.request import Request
from latchkey.client.http1.response import Response
from latchkey.client.http1.response_parser import ResponseParser
from latchkey.client.http1.server import Server


class AsyncConnectionPool:
    """At most `max_connections` connections, each of which is closed once it has been idle for `keepalive_seconds`."""

    def __init__(
        self, server: Server, context: ssl.SSLContext, *, max_connections: int, keepalive_seconds: float
    ) -> None:
        self._server = server
        self._context = context
        self._keepalive_seconds = keepalive_seconds
        self._free = asyncio.Semaphore(max_connections)
        # The left end has been idle for longest.
        self._idle: deque[AsyncConnection] = deque()
        self._is_closed = False

    async def send(self, request: Request, deadline: Deadline, max_body_bytes: int) -> Response:
        """Return the response to `request`. Raises ClientError, and RuntimeError once the pool is closed."""
        if self._is_closed:
            raise RuntimeError("The client is closed.")
        message = request.message(self._server.authority)
        await self._acquire(deadline)
        try:
            return await self._exchange(message, deadline, max_body_bytes)
        finally:
            self._free.release()

    async def aclose(self) -> None:
        """Close the idle connections now, and the others after their response."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()
        # The event loop closes their sockets in its next iteration.
        await asyncio.sleep(0)

    async def _acquire(self, deadline: Deadline) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(deadline.remaining):
                await self._free.acquire()
                return
        except TimeoutError:
            failure = pool_failure(self._server.authority)
        raise failure

    async def _exchange(self, message: bytes, deadline: Deadline, max_body_bytes: int) -> Response:
        failure: Exception
        connection = self._idle_connection() or await self._open(deadline)
        parser = ResponseParser(max_body_bytes)
        try:
            await connection.exchange(message, parser, deadline)
        except EXCHANGE_ERRORS as error:
            connection.close()
            failure = exchange_failure(error, self._server.authority, parser, max_body_bytes)
        except BaseException:
            # A task that is cancelled leaves a response that nothing reads.
            connection.close()
            raise
        else:
            self._keep(connection, parser)
            return parser.response
        raise failure

    async def _open(self, deadline: Deadline) -> AsyncConnection:
        try:
            return await AsyncConnection.open(self._server, self._context, deadline)
        except OSError as error:
            failure = connect_failure(error, self._server.authority)
        raise failure

    def _idle_connection(self) -> AsyncConnection | None:
        """Return the connection that was used last, unless the server may be about to close it."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_stale(self._keepalive_seconds):
                return connection
            connection.close()
        return None

    def _keep(self, connection: AsyncConnection, parser: ResponseParser) -> None:
        """Keep the connection for another request, if it can carry one, and close one that nothing has used lately."""
        if not parser.can_reuse or self._is_closed:
            connection.close()
            return
        connection.rest()
        self._idle.append(connection)
        while self._idle[0].has_expired(self._keepalive_seconds):
            self._idle.popleft().close()
