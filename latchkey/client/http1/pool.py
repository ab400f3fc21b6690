"""Pool of connections to one server, which all threads share."""

import ssl
from collections import deque
from queue import Empty, SimpleQueue

from latchkey.client.deadline import Deadline
from latchkey.client.http1.connection import Connection
from latchkey.client.http1.failures import EXCHANGE_ERRORS, connect_failure, exchange_failure, pool_failure
from latchkey.client.http1.request import Request
from latchkey.client.http1.response import Response
from latchkey.client.http1.response_parser import ResponseParser
from latchkey.client.http1.server import Server


class ConnectionPool:
    """At most `max_connections` connections, each of which is closed once it has been idle for `keepalive_seconds`."""

    def __init__(
        self, server: Server, context: ssl.SSLContext, *, max_connections: int, keepalive_seconds: float
    ) -> None:
        self._server = server
        self._context = context
        self._keepalive_seconds = keepalive_seconds
        # One entry for each connection that may be in use at the same time and isn't.
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(max_connections):
            self._free.put(None)
        # Threads append and pop at the right end, which is atomic. The left end has been idle for longest.
        self._idle: deque[Connection] = deque()
        self._is_closed = False

    def send(self, request: Request, deadline: Deadline, max_body_bytes: int) -> Response:
        """Return the response to `request`. Raises ClientError, and RuntimeError once the pool is closed."""
        if self._is_closed:
            raise RuntimeError("The client is closed.")
        message = request.message(self._server.authority)
        self._acquire(deadline)
        try:
            return self._exchange(message, deadline, max_body_bytes)
        finally:
            self._free.put(None)

    def close(self) -> None:
        """Close the idle connections now, and the others after their response."""
        self._is_closed = True
        while (connection := self._pop()) is not None:
            connection.close()

    def _acquire(self, deadline: Deadline) -> None:
        try:
            self._free.get(timeout=deadline.remaining)
        except Empty:
            failure = pool_failure(self._server.authority)
        else:
            return
        raise failure

    def _exchange(self, message: bytes, deadline: Deadline, max_body_bytes: int) -> Response:
        failure: Exception
        connection = self._idle_connection() or self._open(deadline)
        parser = ResponseParser(max_body_bytes)
        try:
            connection.exchange(message, parser, deadline)
        except EXCHANGE_ERRORS as error:
            connection.close()
            failure = exchange_failure(error, self._server.authority, parser, max_body_bytes)
        except BaseException:
            connection.close()
            raise
        else:
            self._keep(connection, parser)
            return parser.response
        raise failure

    def _open(self, deadline: Deadline) -> Connection:
        try:
            return Connection.open(self._server, self._context, deadline)
        except OSError as error:
            failure = connect_failure(error, self._server.authority)
        raise failure

    def _idle_connection(self) -> Connection | None:
        """Return the connection that was used last, unless the server may be about to close it."""
        while (connection := self._pop()) is not None:
            if not connection.is_stale(self._keepalive_seconds):
                return connection
            connection.close()
        return None

    def _pop(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _keep(self, connection: Connection, parser: ResponseParser) -> None:
        """Keep the connection for another request, if it can carry one, and close one that nothing has used lately."""
        if not parser.can_reuse:
            connection.close()
            return
        connection.rest()
        self._idle.append(connection)
        self._close_expired()
        # Another thread may have closed the pool while the call was under way.
        if self._is_closed:
            self.close()

    def _close_expired(self) -> None:
        try:
            while self._idle[0].has_expired(self._keepalive_seconds):
                self._idle.popleft().close()
        except IndexError:
            pass
