"""Live stream: a position in the event log that advances as events are written."""

import asyncio
from collections.abc import Collection

from events.stream.frames import Frame, limit_size
from events.stream.hub import EventHub
from events.stream.reader import BATCH, Reader
from events.stream.start import StreamStart


class EventStream:
    """Stream of the events after `start.position`, each exactly once and in order.

    They come from the hub's ring, or from the database if the ring doesn't reach back far enough. A slow reader
    does not delay others.

    `key_changed` is set as soon as the log has an event about `own_key_id`, even if the stream is behind or filters it
    out. The consumer resets it. `finished` is done when the stream has ended. `resume_id` is the ID to resume after
    if no event was received.
    """

    def __init__(self, hub: EventHub, reader: Reader, start: StreamStart, *, own_key_id: str | None = None) -> None:
        self._hub = hub
        self._reader = reader
        self._event_filter = start.event_filter
        self._position = start.position
        self.resume_id = start.position
        self._own_key_id = own_key_id
        self._notified = asyncio.Event()
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        hub.subscribe(self, start.head)
        # The hub doesn't notify this stream of events between `start.head` and now. Assume that one is about the key.
        self.key_changed = hub.ring.head > start.head

    @property
    def ended(self) -> bool:
        """Return whether the stream has ended."""
        return self.finished.done()

    def notify(self, key_ids: Collection[str] = ()) -> None:
        """Notify the stream that there are new events, which are about `key_ids`."""
        self.key_changed |= self._own_key_id in key_ids
        self._notified.set()

    def end(self) -> None:
        """End the stream. A pending `next_batch` returns no events."""
        if not self.ended:
            self.finished.set_result(None)
        self._notified.set()

    def close(self) -> None:
        """End the stream and remove it from the hub."""
        self.end()
        self._hub.unsubscribe(self)

    async def next_batch(self, seconds: float) -> list[Frame]:
        """Return the next events, up to BATCH events and MAX_BATCH_BYTES.

        Return an empty list if the stream ended, was `key_changed`, or got no event within `seconds`. Raise
        django.db.Error or TimeoutError; no event is lost then.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        while not self.ended:
            self._notified.clear()
            frames = await self._take_from_ring()
            if frames or self.key_changed or not await self._notified_before(deadline):
                return frames
        return []

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, or until the stream ends."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not self.ended and await self._notified_before(deadline):
            self._notified.clear()

    async def _take_from_ring(self) -> list[Frame]:
        if not self._hub.ring.covers_since(self._position):
            return await self._read_page()
        frames = limit_size(self._hub.ring.after(self._position)[:BATCH])
        if frames:
            self._position = frames[-1].id
            # The ring may have more frames than one batch.
            self._notified.set()
        return [frame for frame in frames if self._event_filter.matches(frame.type, frame.key_id)]

    async def _read_page(self) -> list[Frame]:
        # Read the head before the query. Everything up to it was written by then, so the result is complete up to it.
        known = self._hub.ring.head
        found = await self._reader(self._position, self._event_filter)
        # Limit the size: what a slow client has not read is held in memory for every client separately.
        frames = limit_size(found)
        last = frames[-1].id if frames else 0
        complete = len(frames) == len(found) < BATCH
        # If the result is complete, skip events up to `known` that the filter left out.
        self._position = max(known, last) if complete else last
        self._notified.set()
        self.key_changed |= any(frame.id > known and frame.key_id == self._own_key_id for frame in frames)
        return frames

    async def _notified_before(self, deadline: float) -> bool:
        try:
            async with asyncio.timeout_at(deadline):
                await self._notified.wait()
        except TimeoutError:
            return False
        return True
