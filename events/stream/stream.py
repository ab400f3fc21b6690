"""A live stream: a place in the log that moves on as events are written."""

import asyncio
from collections.abc import Collection

from events.stream.frames import Frame, within
from events.stream.hub import Hub
from events.stream.reader import BATCH, Reader
from events.stream.start import StreamStart


class EventStream:
    """The events after `start.position`, each once and in order: from the hub's ring, or from the log where that does
    not reach back so far. Its reader may be as slow as it likes; nobody waits for it.

    `touched` becomes true as soon as the log has an event about `own_key_id`, however far behind the stream is and
    whatever it selects; whoever acts on it sets it back. `over` is done when the stream has ended. `begins_after` is
    the id to resume after while nothing has come.
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
        self.touched = hub.ring.head > start.head  # the hub does not tell it again what was written in between

    @property
    def ended(self) -> bool:
        """Whether nothing follows any more."""
        return self.over.done()

    def wake(self, key_ids: Collection[str] = ()) -> None:
        """There is something new to look at: events about `key_ids`."""
        self.touched |= self._own_key_id in key_ids
        self._woken.set()

    def end(self) -> None:
        """Ends the stream; whoever waits for its events gets none."""
        if not self.ended:
            self.over.set_result(None)
        self._woken.set()

    def close(self) -> None:
        """Ends the stream, and the hub forgets it."""
        self.end()
        self._hub.leave(self)

    async def batch(self, seconds: float) -> list[Frame]:
        """The next events, up to BATCH and to MAX_BATCH_BYTES; none where the stream ended, was `touched`, or `seconds`
        brought none. Raises django.db.Error or TimeoutError; nothing is lost by that.
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
        return [frame for frame in frames if self._selection.admits(frame.type, frame.key_id)]

    async def _page(self) -> list[Frame]:
        known = self._hub.ring.head  # was written before the query, so the query tells all that is selected up to it
        found = await self._reader(self._position, self._selection)
        frames = within(found)  # what a slow client has not taken waits in memory, for each client apart
        last = frames[-1].id if frames else 0
        complete = len(frames) == len(found) < BATCH
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
