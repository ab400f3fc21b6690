import asyncio
from collections.abc import Callable
from contextvars import ContextVar

import pytest

from gateway.native import fast_path
from gateway.native.batching import ANOTHER_BATCH_AT, MAX_IN_FLIGHT, Batcher


class Trips:
    """Round trips that end when they are told to."""

    def __init__(self, most: int = 64) -> None:
        self.waiting: list[int] = []
        self.batches: list[list[int]] = []
        self._ends: list[asyncio.Event] = []
        self.batcher = Batcher(self.waiting, self.trip, most)

    async def trip(self, batch: list[int]) -> None:
        self.batches.append(batch)
        end = asyncio.Event()
        self._ends.append(end)
        await end.wait()

    def enqueue(self, *numbers: int) -> None:
        self.waiting.extend(numbers)
        self.batcher.flush()

    def end(self) -> None:
        self._ends.pop(0).set()


async def run_loop() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def play(story: "Callable[[Trips], object]", **options: int) -> Trips:
    async def run() -> Trips:
        trips = Trips(**options)
        await story(trips)  # type: ignore[misc]
        while trips._ends:
            trips.end()
            await run_loop()
        return trips

    return asyncio.run(run())


def test_items_during_batch_join_next_batch() -> None:
    async def story(trips: Trips) -> None:
        trips.enqueue(1)
        await run_loop()
        trips.enqueue(2)
        trips.enqueue(3)
        await run_loop()
        assert trips.batches == [[1]]

    assert play(story).batches == [[1], [2, 3]]


def test_many_waiting_items_start_another_batch() -> None:
    async def story(trips: Trips) -> None:
        trips.enqueue(0)
        await run_loop()
        trips.enqueue(*range(ANOTHER_BATCH_AT))
        await run_loop()
        assert len(trips.batches) == 2

    play(story)


def test_batch_size_and_number_are_limited() -> None:
    async def story(trips: Trips) -> None:
        trips.enqueue(*range(500))
        await run_loop()
        assert [len(batch) for batch in trips.batches] == [64] * MAX_IN_FLIGHT

    found = play(story, most=64)
    assert [number for batch in found.batches for number in batch] == list(range(500))


def test_end_of_iteration_runs_once_in_empty_context(monkeypatch: pytest.MonkeyPatch) -> None:
    of_request: ContextVar[str] = ContextVar("of_request", default="nobody's")
    seen: list[str] = []
    monkeypatch.setattr(fast_path, "_decide", lambda: seen.append(of_request.get()))

    async def run() -> None:
        of_request.set("somebody's")
        for turns in (1, 2):
            for _ in range(3):
                fast_path._end_of_iteration.call_soon()
            await run_loop()
            assert seen == ["nobody's"] * turns

    asyncio.run(run())
