"""A live stream: a place in the log that moves on as events are written."""

import asyncio

from events.stream.frames import Frame, within
from events.stream.hub import Hub
from events.stream.reader import BATCH, Reader
from events.stream.start import StreamStart


class EventStream:
    """The events after `start.position`, each once and in order: from the hub's ring, or from the log where that does
    not reach back so far. Its reader may be as slow as it likes; nobody waits for it.

    `touched` becomes true when an event about `own_key_id` passes; whoever acts on it sets it back.
    """

    def __init__(self, hub: Hub, reader: Reader, start: StreamStart, *, own_key_id: str | None = None) -> None:
        self._hub = hub
        self._reader = reader
        self._selection = start.selection
        self._position = start.position
        self._own_key_id = own_key_id
        self._woken = asyncio.Event()
        self.ended = False
        self.touched = False
        hub.join(self, start.head)

    def wake(self) -> None:
        """There is something new to look at."""
        self._woken.set()

    def end(self) -> None:
        """Ends the stream; whoever waits for its events gets none."""
        self.ended = True
        self._woken.set()

    def close(self) -> None:
        """Ends the stream, and the hub forgets it."""
        self.end()
        self._hub.leave(self)

    async def batch(self, seconds: float) -> list[Frame]:
        """The next events, up to BATCH and to MAX_BATCH_BYTES; none where the stream ended, was `touched`, or `seconds`
        brought none. Raises DatabaseError; nothing is lost by that.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        while not self.ended:
            self._woken.clear()
            frames = await self._next()
            if frames or self.touched or not await self._woken_before(deadline):
                return frames
        return []

    async def rest(self, seconds: float) -> None:
        """Waits, though not beyond the stream's end."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not self.ended and await self._woken_before(deadline):
            self._woken.clear()

    async def _next(self) -> list[Frame]:
        if not self._hub.ring.reaches_back_to(self._position):
            return await self._page()
        frames = within(self._hub.ring.after(self._position)[:BATCH])
        if frames:
            self._position = frames[-1].id
            self._woken.set()  # there may be more
        self._look_for_own_key(frames)
        return [frame for frame in frames if self._selection.admits(frame.type, frame.key_id)]

    async def _page(self) -> list[Frame]:
        known = self._hub.ring.head  # was written before the query, so the query tells all that is selected up to it
        found = await self._reader(self._position, self._selection)
        frames = within(found)  # what a slow client has not taken waits in memory, for each client apart
        last = frames[-1].id if frames else 0
        complete = len(frames) == len(found) < BATCH
        self._position = max(known, last) if complete else last
        self._woken.set()
        self._look_for_own_key(frames)
        return frames

    def _look_for_own_key(self, frames: list[Frame]) -> None:
        self.touched |= any(frame.key_id == self._own_key_id for frame in frames)

    async def _woken_before(self, deadline: float) -> bool:
        try:
            async with asyncio.timeout_at(deadline):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True
