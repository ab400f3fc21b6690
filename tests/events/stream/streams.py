"""A log in memory and polls that happen when a test says so, for a hub without a database or a clock."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from django.db import OperationalError

from events.event_filter import ALL_EVENTS, EventFilter
from events.stream.frames import Frame
from events.stream.hub import EventHub
from events.stream.reader import BATCH
from events.stream.start import StreamStart
from events.stream.stream import EventStream


class Log:
    """A Reader. `written` are its frames; `reads` counts how often it was asked; `meanwhile` happens while one read is
    under way, after it saw what it tells.
    """

    def __init__(self) -> None:
        self.written: list[Frame] = []
        self.reads = 0
        self.broken = False
        self.meanwhile: Callable[[], Coroutine[Any, Any, None]] | None = None

    def write(self, count: int = 1, *, type: str = "KeyIssued", key_id: str = "lk_a", size: int = 0) -> None:
        """Appends events, each of `size` bytes at least."""
        for number in range(len(self.written) + 1, len(self.written) + 1 + count):
            self.written.append(Frame(number, type, key_id, (b"id: %d\n\n" % number).rjust(size)))

    async def __call__(self, position: int, event_filter: EventFilter = ALL_EVENTS) -> list[Frame]:
        self.reads += 1
        if self.broken:
            raise OperationalError("away")
        found = [frame for frame in self.written[position:] if event_filter.matches(frame.type, frame.key_id)]
        meanwhile, self.meanwhile = self.meanwhile, None
        await (meanwhile() if meanwhile else asyncio.sleep(0))
        return found[:BATCH]


class Polls:
    """The pauses between a hub's polls: each lasts until `once` is called. `pauses` are the seconds it wanted."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self._due = asyncio.Semaphore(0)
        self._arrived = asyncio.Semaphore(0)

    async def __call__(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._arrived.release()
        try:
            await self._due.acquire()
        except asyncio.CancelledError:
            await self._arrived.acquire()
            raise

    async def once(self, times: int = 1) -> None:
        """Lets the hub poll, and returns when it is done."""
        for _ in range(times):
            await self._arrived.acquire()
            self._due.release()
        await self._arrived.acquire()
        self._arrived.release()


class Scene:
    """A log, a hub over it, and streams of that hub."""

    def __init__(self) -> None:
        self.log = Log()
        self.polls = Polls()
        self.hub = EventHub(self.log, pause=self.polls)

    def follow(
        self, position: int | None = None, *, type: str | None = None, key_id: str | None = None, own: str | None = None
    ) -> EventStream:
        """A stream after `position`, or from now on."""
        head = len(self.log.written)
        start = StreamStart(EventFilter(type, key_id), head if position is None else position, head)
        return EventStream(self.hub, self.log, start, own_key_id=own)


async def ids(stream: EventStream) -> list[int]:
    """The ids of what the stream has now."""
    found: list[int] = []
    while frames := await stream.next_batch(0.0):
        found += [frame.id for frame in frames]
    return found


def scene(test: Callable[[Scene], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Runs a test on an event loop of its own, with a scene; no task may be left when it is done."""

    @wraps(test)
    def run() -> None:
        async def play() -> None:
            async with asyncio.timeout(20):
                await test(Scene())
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(play())

    del run.__wrapped__  # pytest would ask for the argument
    return run
