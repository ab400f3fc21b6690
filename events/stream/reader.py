"""Reader of frames from the event log in the database."""

from collections.abc import Awaitable
from functools import partial
from typing import Final, Protocol

from events.event_filter import ALL_EVENTS, EventFilter
from events.stream.frames import Frame, encode_frame
from events.thread_pool import ThreadPool

BATCH: Final = 100


class Reader(Protocol):
    """Function that returns the first BATCH frames after an ID, without gaps: no event follows one that is missing."""

    def __call__(self, position: int, event_filter: EventFilter = ALL_EVENTS) -> Awaitable[list[Frame]]: ...


class DatabaseReader:
    """Reader with its own threads.

    Event IDs are assigned in commit order, so the result of one query has no gaps.
    """

    def __init__(self, threads: ThreadPool) -> None:
        self._threads = threads

    async def __call__(self, position: int, event_filter: EventFilter = ALL_EVENTS) -> list[Frame]:
        return await self._threads.run(partial(_read, position, event_filter))


def _read(position: int, event_filter: EventFilter) -> list[Frame]:
    return [encode_frame(event) for event in event_filter.after(position)[:BATCH]]
