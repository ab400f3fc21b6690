import asyncio
from collections.abc import Callable
from contextvars import ContextVar

import pytest

from gateway.native import fast_path
from gateway.native.batching import MOST_UNDER_WAY, WORTH_ANOTHER, Batcher


class Trips:
    """Round trips that end when they are told to."""

    def __init__(self, most: int = 64) -> None:
        self.waiting: list[int] = []
        self.batches: list[list[int]] = []
        self._ends: list[asyncio.Event] = []
        self.rounds = Batcher(self.waiting, self.trip, most)

    async def trip(self, batch: list[int]) -> None:
        self.batches.append(batch)
        end = asyncio.Event()
        self._ends.append(end)
        await end.wait()

    def ask(self, *numbers: int) -> None:
        self.waiting.extend(numbers)
        self.rounds.go_on()

    def end(self) -> None:
        self._ends.pop(0).set()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def play(story: "Callable[[Trips], object]", **options: int) -> Trips:
    async def run() -> Trips:
        trips = Trips(**options)
        await story(trips)  # type: ignore[misc]
        while trips._ends:
            trips.end()
            await settle()
        return trips

    return asyncio.run(run())


def test_what_is_asked_while_a_round_is_under_way_goes_with_the_next() -> None:
    async def story(trips: Trips) -> None:
        trips.ask(1)
        await settle()
        trips.ask(2)
        trips.ask(3)
        await settle()
        assert trips.batches == [[1]]

    assert play(story).batches == [[1], [2, 3]]


def test_many_that_wait_go_ahead_of_the_end_of_the_first() -> None:
    async def story(trips: Trips) -> None:
        trips.ask(0)
        await settle()
        trips.ask(*range(WORTH_ANOTHER))
        await settle()
        assert len(trips.batches) == 2

    play(story)


def test_a_round_carries_so_many_at_the_most_and_so_many_are_under_way() -> None:
    async def story(trips: Trips) -> None:
        trips.ask(*range(500))
        await settle()
        assert [len(batch) for batch in trips.batches] == [64] * MOST_UNDER_WAY

    found = play(story, most=64)
    assert [number for batch in found.batches for number in batch] == list(range(500))


def test_the_end_of_a_turn_comes_once_a_turn_and_in_a_context_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    of_request: ContextVar[str] = ContextVar("of_request", default="nobody's")
    seen: list[str] = []
    monkeypatch.setattr(fast_path, "_decide", lambda: seen.append(of_request.get()))

    async def run() -> None:
        of_request.set("somebody's")
        for turns in (1, 2):
            for _ in range(3):
                fast_path._ends.call_soon()
            await settle()
            assert seen == ["nobody's"] * turns

    asyncio.run(run())
