"""One connection of an event loop to Redis, with nothing between a question and its answer but hiredis.

redis.asyncio makes it, with its TLS, password and Sentinels, and hands it over: its own way of a command takes seven
times the processor's time of this one, more than the decisions of a turn.
"""

import asyncio
from collections import deque
from typing import Any, cast

import hiredis
import redis
from redis.exceptions import NoScriptError

_NO_SCRIPT = "NOSCRIPT"


class Link(asyncio.Protocol):
    """Answers come in the order of questions, and any number may be under way. Whoever gives up an answer closes the
    link, as what comes next would be taken for it.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection  # kept, as it closes what it made when it is forgotten
        self._transport = cast(asyncio.Transport, connection._writer.transport)
        self._reader = hiredis.Reader()
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._transport.set_protocol(self)

    def ask(self, *arguments: bytes | str | int) -> asyncio.Future[Any]:
        """The answer to a command, to be awaited. That raises redis.RedisError."""
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        self._transport.write(hiredis.pack_command(arguments))  # type: ignore[arg-type]
        return answer

    def close(self) -> None:
        """Ends the connection; who waits gets a ConnectionError."""
        self._transport.abort()
        self._connection._reader = self._connection._writer = None
        self._fail(redis.ConnectionError("The connection was closed."))

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while (answer := self._reader.gets()) is not False:
                self._settle(answer)
        except (hiredis.HiredisError, IndexError):
            self.close()  # what it says is not Redis' protocol, or answers nothing

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(redis.ConnectionError("The server closed the connection." if exc is None else str(exc)))

    def _settle(self, answer: Any) -> None:
        waiting = self._waiting.popleft()
        if waiting.done():
            return
        if isinstance(answer, hiredis.ReplyError):
            words = str(answer)
            waiting.set_exception(NoScriptError(words) if words.startswith(_NO_SCRIPT) else redis.ResponseError(words))
        else:
            waiting.set_result(answer)

    def _fail(self, error: redis.ConnectionError) -> None:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_exception(error)
                waiting.exception()  # it may be that nobody awaits it any more
