"""Reads frames from the log in the database."""

from collections.abc import Awaitable
from functools import partial
from typing import Final, Protocol

from events.selection import ALL, Selection
from events.stream.frames import Frame, frame
from events.threads import WorkThreads

BATCH: Final = 100


class Reader(Protocol):
    """Gets the first BATCH frames after an id, without a gap: an event that is not there yet is followed by none."""

    def __call__(self, position: int, selection: Selection = ALL) -> Awaitable[list[Frame]]: ...


class DatabaseReader:
    """A Reader on threads of its own. Ids are given in the order of commits: what one query sees has no gap."""

    def __init__(self, threads: WorkThreads) -> None:
        self._threads = threads

    async def __call__(self, position: int, selection: Selection = ALL) -> list[Frame]:
        return await self._threads.run(partial(_read, position, selection))


def _read(position: int, selection: Selection) -> list[Frame]:
    return [frame(event) for event in selection.after(position)[:BATCH]]
