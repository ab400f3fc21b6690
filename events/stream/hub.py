"""Event hub: while streams are open, one task polls for events and distributes them to all streams of the process."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextvars import Context
from functools import cache
from typing import Final, Protocol

import structlog

from events.stream.reader import BATCH, DatabaseReader, Reader
from events.stream.ring_buffer import RingBuffer
from events.thread_pool import ThreadPool

POLL_SECONDS: Final = 0.25
MAX_POLL_SECONDS: Final = 5.0
POLL_TIMEOUT_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


class Listener(Protocol):
    """A stream that is notified of new frames in the ring, and of the keys that they are about."""

    def notify(self, key_ids: Collection[str] = ()) -> None: ...


class EventHub:
    """Hub of a process, on its event loop. One poll reads new events for any number of streams.

    A poll that fails or times out is repeated with increasing delays, up to MAX_POLL_SECONDS. It continues after
    the last event, so none is missed.
    """

    def __init__(self, reader: Reader, *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._reader = reader
        self._pause = pause
        self._listeners: set[Listener] = set()
        self._polling: asyncio.Task[None] | None = None
        self.ring = RingBuffer(0)

    @property
    def listeners(self) -> int:
        """Return the number of listeners."""
        return len(self._listeners)

    def subscribe(self, listener: Listener, head: int) -> None:
        """Notify `listener` from now on. `head` is an event ID up to which the log was already written."""
        self._listeners.add(listener)
        if self._polling is None:
            self.ring = RingBuffer(head)
            # An empty context: what the poll logs is not about the request that happens to come first.
            self._polling = asyncio.create_task(self._poll(), name="event-poll", context=Context())

    def unsubscribe(self, listener: Listener) -> None:
        """Stop notifying `listener`. Without listeners, polling stops."""
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
            # A full batch means that more events are waiting, so poll again immediately.
            wait = 0.0 if len(frames) == BATCH else POLL_SECONDS
            if frames:
                ring.add(frames)
                key_ids = {frame.key_id for frame in frames}
                for listener in self._listeners:
                    listener.notify(key_ids)


@cache
def default_hub() -> EventHub:
    """Return the hub of this process. It has its own thread, so that no other work delays the poll."""
    return EventHub(DatabaseReader(ThreadPool("event-poll", 1, timeout_seconds=POLL_TIMEOUT_SECONDS)))
