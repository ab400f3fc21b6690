"""Live stream: a position in the event log that advances as events are written."""

import asyncio
from collections.abc import Collection

from events.stream.frames import Frame, within
from events.stream.hub import Hub
from events.stream.reader import BATCH, Reader
from events.stream.start import StreamStart


class EventStream:
    """Stream of the events after `start.position`, each exactly once and in order.

    They come from the hub's ring, or from the database if the ring doesn't reach back far enough. A slow reader
    does not delay others.

    `touched` is set as soon as the log has an event about `own_key_id`, even if the stream is behind or filters it
    out. The consumer resets it. `over` is done when the stream has ended. `begins_after` is the ID to resume after
    if no event was received.
    """

    def __init__(self, hub: Hub, reader: Reader, start: StreamStart, *, own_key_id: str | None = None) -> None:
        self._hub = hub
        self._reader = reader
        self._selection = start.selection
        self._position = start.position
        self.begins_after = start.position
        self._own_key_id = own_key_id
        self._woken = asyncio.Event()
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        hub.join(self, start.head)
        # The hub doesn't notify this stream of events between `start.head` and now. Assume that one is about the key.
        self.touched = hub.ring.head > start.head

    @property
    def ended(self) -> bool:
        """Return whether the stream has ended."""
        return self.over.done()

    def wake(self, key_ids: Collection[str] = ()) -> None:
        """Notify the stream that there are new events, which are about `key_ids`."""
        self.touched |= self._own_key_id in key_ids
        self._woken.set()

    def end(self) -> None:
        """End the stream. A pending `batch` returns no events."""
        if not self.ended:
            self.over.set_result(None)
        self._woken.set()

    def close(self) -> None:
        """End the stream and remove it from the hub."""
        self.end()
        self._hub.leave(self)

    async def batch(self, seconds: float) -> list[Frame]:
        """Return the next events, up to BATCH events and MAX_BATCH_BYTES.

        Return an empty list if the stream ended, was `touched`, or got no event within `seconds`. Raise
        django.db.Error or TimeoutError; no event is lost then.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        while not self.ended:
            self._woken.clear()
            frames = await self._next()
            if frames or self.touched or not await self._woken_before(deadline):
                return frames
        return []

    async def rest(self, seconds: float) -> None:
        """Wait for `seconds`, or until the stream ends."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not self.ended and await self._woken_before(deadline):
            self._woken.clear()

    async def _next(self) -> list[Frame]:
        if not self._hub.ring.reaches_back_to(self._position):
            return await self._page()
        frames = within(self._hub.ring.after(self._position)[:BATCH])
        if frames:
            self._position = frames[-1].id
            # The ring may have more frames than one batch.
            self._woken.set()
        return [frame for frame in frames if self._selection.admits(frame.type, frame.key_id)]

    async def _page(self) -> list[Frame]:
        # Read the head before the query. Everything up to it was written by then, so the result is complete up to it.
        known = self._hub.ring.head
        found = await self._reader(self._position, self._selection)
        # Limit the size: what a slow client has not read is held in memory for every client separately.
        frames = within(found)
        last = frames[-1].id if frames else 0
        complete = len(frames) == len(found) < BATCH
        # If the result is complete, skip events up to `known` that the filter left out.
        self._position = max(known, last) if complete else last
        self._woken.set()
        self.touched |= any(frame.id > known and frame.key_id == self._own_key_id for frame in frames)
        return frames

    async def _woken_before(self, deadline: float) -> bool:
        try:
            async with asyncio.timeout_at(deadline):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True
