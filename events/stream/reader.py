"""Reader of frames from the event log in the database."""

from collections.abc import Awaitable
from functools import partial
from typing import Final, Protocol

from events.selection import ALL, Selection
from events.stream.frames import Frame, frame
from events.threads import WorkThreads

BATCH: Final = 100


class Reader(Protocol):
    """Function that returns the first BATCH frames after an ID, without gaps: no event follows one that is missing."""

    def __call__(self, position: int, selection: Selection = ALL) -> Awaitable[list[Frame]]: ...


class DatabaseReader:
    """Reader with its own threads.

    Event IDs are assigned in commit order, so the result of one query has no gaps.
    """

    def __init__(self, threads: WorkThreads) -> None:
        self._threads = threads

    async def __call__(self, position: int, selection: Selection = ALL) -> list[Frame]:
        return await self._threads.run(partial(_read, position, selection))


def _read(position: int, selection: Selection) -> list[Frame]:
    return [frame(event) for event in selection.after(position)[:BATCH]]
