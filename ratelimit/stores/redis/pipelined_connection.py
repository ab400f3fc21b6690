"""One connection of an event loop to Redis, with only hiredis between a command and its response.

redis.asyncio opens the connection (TLS, password, Sentinels) and hands it over. Sending a command through
redis.asyncio takes seven times the CPU time of this class, which is more than the decisions of an event loop
iteration take.
"""

import asyncio
from collections import deque
from typing import Any, cast

import hiredis
import redis
from redis.exceptions import NoScriptError

_NO_SCRIPT = "NOSCRIPT"


class PipelinedConnection(asyncio.Protocol):
    """Pipelined connection: any number of commands may be under way, and responses come in the order of the
    commands.

    A caller that gives up on a response has to close the link, because the late response would be assigned to the
    next command.
    """

    def __init__(self, connection: Any) -> None:
        # Keep a reference: redis-py closes the connection when this object is garbage-collected.
        self._connection = connection
        self._transport = cast(asyncio.Transport, connection._writer.transport)
        self._reader = hiredis.Reader()
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._transport.set_protocol(self)

    def execute(self, *arguments: bytes | str | int) -> asyncio.Future[Any]:
        """Send a command, and return a future for its response. The future raises redis.RedisError."""
        response = asyncio.get_running_loop().create_future()
        self._waiting.append(response)
        self._transport.write(hiredis.pack_command(arguments))  # type: ignore[arg-type]
        return response

    def close(self) -> None:
        """Close the connection. Callers that wait for a response get a ConnectionError."""
        self._transport.abort()
        # The connection object must not use the transport that is now closed.
        self._connection._reader = self._connection._writer = None
        self._fail(redis.ConnectionError("The connection was closed."))

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while (response := self._reader.gets()) is not False:
                self._settle(response)
        except (hiredis.HiredisError, IndexError):
            # The data is not the Redis protocol, or responds to no command.
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(redis.ConnectionError("The server closed the connection." if exc is None else str(exc)))

    def _settle(self, response: Any) -> None:
        waiting = self._waiting.popleft()
        if waiting.done():
            return
        if isinstance(response, hiredis.ReplyError):
            message = str(response)
            waiting.set_exception(
                NoScriptError(message) if message.startswith(_NO_SCRIPT) else redis.ResponseError(message)
            )
        else:
            waiting.set_result(response)

    def _fail(self, error: redis.ConnectionError) -> None:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_exception(error)
                # Mark the exception as retrieved: possibly no caller awaits this future any more, and asyncio
                # would log it.
                waiting.exception()
