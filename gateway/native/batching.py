"""Batching: requests that wait for a remote bucket store or a key lookup share a round trip."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

MAX_IN_FLIGHT: Final = 4
ANOTHER_BATCH_AT: Final = 16

_Item = TypeVar("_Item")


class Batcher(Generic[_Item]):
    """Batcher that sends the items in `waiting`, up to `max_items` per batch, by awaiting `round_trip`.

    Items that arrive while a batch is in flight go with the next one: a single request waits for no other, and
    under load a batch carries many. A further batch starts before the first has ended if ANOTHER_BATCH_AT items wait,
    up to `max_in_flight` batches in total. `round_trip` must not raise.
    """

    def __init__(
        self,
        waiting: list[_Item],
        round_trip: Callable[[list[_Item]], Awaitable[None]],
        max_items: int,
        max_in_flight: int = MAX_IN_FLIGHT,
    ) -> None:
        self._waiting = waiting
        self._round_trip = round_trip
        self._max_items = max_items
        self._max_in_flight = max_in_flight
        self._in_flight: set[asyncio.Task[None]] = set()

    def flush(self) -> None:
        """Start as many batches as allowed. Call this once per event loop iteration in which items were added."""
        while self._waiting and self._may_send():
            batch = self._waiting[: self._max_items]
            del self._waiting[: self._max_items]
            task = asyncio.get_running_loop().create_task(self._send(batch))
            # Keep a reference, because the event loop holds only weak references to tasks.
            self._in_flight.add(task)
            task.add_done_callback(self._on_end)

    def _may_send(self) -> bool:
        in_flight = len(self._in_flight)
        return not in_flight or (in_flight < self._max_in_flight and len(self._waiting) >= ANOTHER_BATCH_AT)

    async def _send(self, batch: list[_Item]) -> None:
        await self._round_trip(batch)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self.flush()
