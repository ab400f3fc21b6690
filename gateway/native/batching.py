"""Batching: requests that wait for a remote bucket store or a key lookup share a round trip."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

MOST_UNDER_WAY: Final = 4
WORTH_ANOTHER: Final = 16

_Asked = TypeVar("_Asked")


class Batcher(Generic[_Asked]):
    """Batcher that sends the items in `waiting`, up to `most` per batch, by awaiting `round_trip`.

    Items that arrive while a batch is in flight go with the next one: a single request waits for no other, and
    under load a batch carries many. A further batch starts before the first has ended if WORTH_ANOTHER items wait,
    up to `under_way` batches in total. `round_trip` must not raise.
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
        """Start as many batches as allowed. Call this once per event loop iteration in which items were added."""
        while self._waiting and self._may_send():
            batch = self._waiting[: self._most]
            del self._waiting[: self._most]
            task = asyncio.get_running_loop().create_task(self._send(batch))
            # Keep a reference, because the event loop holds only weak references to tasks.
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
