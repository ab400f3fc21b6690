"""Requests that change something. They run on one thread of the worker: while changes wait for the database, as behind
a lock that somebody holds, requests that read have the other threads.
"""

import asyncio
import math
from time import monotonic, perf_counter
from typing import Final

from controlplane.gateway_door.request import DoorRequest
from controlplane.refused_request import SAFE, refuse
from controlplane.server.asgi_types import ASGIApplication, Receive, Scope, Send
from controlplane.whole_answer import whole_answer
from events.lock_wait import MOST_SECONDS
from latchkey.problems import ProblemError

RETRY_AFTER_SECONDS: Final = 5


class NoTurn(ProblemError):
    """The changes before it have not come to an end in time."""

    slug = "unavailable"


def changes(scope: Scope) -> bool:
    """Return whether a request may change something, by its method."""
    return scope["method"] not in SAFE


class ChangeRequests:
    """Gives requests to `django`, which has one thread, one after the other. One that waits while no change is made for
    `most_seconds` is refused with a Retry-After. While changes are made, many may wait for each other.
    """

    def __init__(self, django: ASGIApplication, most_seconds: float = MOST_SECONDS) -> None:
        self._django = django
        self._most_seconds = most_seconds
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._made_at = -math.inf

    @property
    def crowded(self) -> bool:
        """Whether others wait for their turn."""
        return self._waiting > 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        if not await self._gets_turn():
            detail = "Other changes are before this one and take too long. Nothing was changed."
            error = NoTurn(detail, retry_after_seconds=RETRY_AFTER_SECONDS)
            await refuse(error, scope, DoorRequest.of(scope), send, started)
            return
        try:
            messages = await whole_answer(self._django, scope, receive)
            if messages and messages[0].get("status", 500) < 500:
                self._made_at = monotonic()
        finally:
            self._turn.release()
        for message in messages:
            await send(message)

    async def _gets_turn(self) -> bool:
        self._waiting += 1
        began = monotonic()
        try:
            while monotonic() - max(began, self._made_at) < self._most_seconds:
                try:
                    await asyncio.wait_for(self._turn.acquire(), self._most_seconds)
                except TimeoutError:
                    continue
                return True
        finally:
            self._waiting -= 1
        return False
