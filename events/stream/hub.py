"""The hub: while streams are open, one task looks for new events and hands them to all streams of the process."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextvars import Context
from functools import cache
from typing import Final, Protocol

import structlog

from events.stream.reader import BATCH, DatabaseReader, Reader
from events.stream.ring import Ring
from events.threads import WorkThreads

POLL_SECONDS: Final = 0.25
MAX_POLL_SECONDS: Final = 5.0
PATIENCE_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


class Listener(Protocol):
    """Somebody to tell that the ring has new frames, and which keys they are about."""

    def wake(self, key_ids: Collection[str] = ()) -> None: ...


class Hub:
    """One per process, on its event loop. A poll reads what is new once, for however many streams.

    A poll that fails, or has no answer for too long, is made again, later and later up to MAX_POLL_SECONDS; it goes on
    where the last one ended, so nothing is missed.
    """

    def __init__(self, reader: Reader, *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._reader = reader
        self._pause = pause
        self._listeners: set[Listener] = set()
        self._polling: asyncio.Task[None] | None = None
        self.ring = Ring(0)

    @property
    def listeners(self) -> int:
        """How many are told."""
        return len(self._listeners)

    def join(self, listener: Listener, head: int) -> None:
        """Tells `listener` from now on. `head` is an id up to which the log was already written."""
        self._listeners.add(listener)
        if self._polling is None:
            self.ring = Ring(head)
            # A context of its own: what the poll logs is not about the request that happened to come first.
            self._polling = asyncio.create_task(self._poll(), name="event-poll", context=Context())

    def leave(self, listener: Listener) -> None:
        """Tells `listener` no more; after the last one nothing is read any more."""
        self._listeners.discard(listener)
        if not self._listeners and self._polling is not None:
            self._polling.cancel()
            self._polling = None

    async def _poll(self) -> None:
        ring = self.ring
        wait = POLL_SECONDS
        while True:
            await self._pause(wait)
            try:
                frames = await self._reader(ring.head)
            except Exception:
                log.exception("event_poll_failed")
                wait = min(wait * 2, MAX_POLL_SECONDS)
                continue
            wait = 0.0 if len(frames) == BATCH else POLL_SECONDS
            if frames:
                ring.add(frames)
                key_ids = {frame.key_id for frame in frames}
                for listener in self._listeners:
                    listener.wake(key_ids)


@cache
def default_hub() -> Hub:
    """The process's hub. Its one thread is not shared, so that no other work delays the poll."""
    return Hub(DatabaseReader(WorkThreads("event-poll", 1, patience_seconds=PATIENCE_SECONDS)))
