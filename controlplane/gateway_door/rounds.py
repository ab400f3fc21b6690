"""Rounds: what requests ask of a bucket store behind a network, one round trip for many of them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

MOST_UNDER_WAY: Final = 4
WORTH_ANOTHER: Final = 16

_Asked = TypeVar("_Asked")


class Rounds(Generic[_Asked]):
    """Sends what waits in `waiting`, up to `most` at a time, and awaits `round_trip` for it, which must not raise.

    What is asked while a round is under way goes with the next: alone, a request waits for nobody, and under load a
    round carries many. A second round goes ahead of the first one's end where WORTH_ANOTHER wait, and `under_way` at
    the most.
    """

    def __init__(
        self,
        waiting: list[_Asked],
        round_trip: Callable[[list[_Asked]], Awaitable[None]],
        most: int,
        under_way: int = MOST_UNDER_WAY,
    ) -> None:
        self._waiting = waiting
        self._round_trip = round_trip
        self._most = most
        self._most_under_way = under_way
        self._under_way: set[asyncio.Task[None]] = set()

    def go_on(self) -> None:
        """Called once something waits, at the end of a turn of the event loop."""
        while self._waiting and self._may_send():
            batch = self._waiting[: self._most]
            del self._waiting[: self._most]
            task = asyncio.get_running_loop().create_task(self._send(batch))
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    def _may_send(self) -> bool:
        under_way = len(self._under_way)
        return not under_way or (under_way < self._most_under_way and len(self._waiting) >= WORTH_ANOTHER)

    async def _send(self, batch: list[_Asked]) -> None:
        await self._round_trip(batch)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self.go_on()
