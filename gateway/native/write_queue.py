"""Requests that change something: they share one thread of the worker.

If changes wait for the database, for example for a lock, requests that only read still have the other threads.
"""

import asyncio
import math
from time import monotonic, perf_counter
from typing import Final

from events.lock_timeout import MAX_WAIT_SECONDS
from gateway.native.overload import SAFE, send_rejection
from gateway.native.request import EndpointRequest
from httpserver.asgi_types import ASGIApplication, Receive, Scope, Send
from httpserver.buffered_response import buffered_response
from latchkey.problems import ProblemError

RETRY_AFTER_SECONDS: Final = 5


class WriteQueueTimeout(ProblemError):
    """The changes ahead of this one took too long."""

    slug = "unavailable"


def is_write(scope: Scope) -> bool:
    """Return whether a request may change something, according to its method."""
    return scope["method"] not in SAFE


class WriteQueue:
    """Queue of requests for `django`, which has one thread.

    A request is rejected with Retry-After if no change completes for `max_wait_seconds` while it waits. As long as
    changes complete, any number of requests may wait.
    """

    def __init__(self, django: ASGIApplication, max_wait_seconds: float = MAX_WAIT_SECONDS) -> None:
        self._django = django
        self._max_wait_seconds = max_wait_seconds
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._completed_at = -math.inf

    @property
    def crowded(self) -> bool:
        """Return whether requests are waiting."""
        return self._waiting > 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        if not await self._acquire():
            detail = "Earlier changes are taking too long. Nothing was changed."
            error = WriteQueueTimeout(detail, retry_after_seconds=RETRY_AFTER_SECONDS)
            await send_rejection(error, scope, EndpointRequest.of(scope), send, started)
            return
        try:
            # Collect the response before sending it, so that a client that reads slowly doesn't hold the lock.
            messages = await buffered_response(self._django, scope, receive)
            if messages and messages[0].get("status", 500) < 500:
                self._completed_at = monotonic()
        finally:
            self._lock.release()
        for message in messages:
            await send(message)

    async def _acquire(self) -> bool:
        self._waiting += 1
        started = monotonic()
        try:
            while monotonic() - max(started, self._completed_at) < self._max_wait_seconds:
                try:
                    await asyncio.wait_for(self._lock.acquire(), self._max_wait_seconds)
                except TimeoutError:
                    continue
                return True
        finally:
            self._waiting -= 1
        return False
