"""Threads outside of the event loop, and work that never returns."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any

import pytest

from events.event_filter import ALL_EVENTS
from events.stream import reader
from events.stream.frames import Frame
from events.stream.hub import EventHub
from events.stream.start import StreamStart
from events.stream.stream import EventStream
from events.thread_pool import MAX_STUCK, ThreadPool
from tests.events.stream.streams import Polls, ids

PATIENCE = 0.02


@pytest.fixture
def silence() -> Iterator[threading.Event]:
    """What stuck work waits for; it is set when the test is over."""
    event = threading.Event()
    yield event
    event.set()


def play(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 20))


def test_work_returns_and_raises() -> None:
    threads = ThreadPool("test", 1, timeout_seconds=20)

    async def test() -> None:
        assert await threads.run(lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0)

    play(test)


def test_work_behind_stuck_work_gets_a_new_thread(silence: threading.Event) -> None:
    threads = ThreadPool("test", 1, timeout_seconds=PATIENCE)

    async def test() -> None:
        stuck = asyncio.create_task(threads.run(silence.wait))
        await asyncio.sleep(0)
        behind = [asyncio.create_task(threads.run(partial(int, number))) for number in range(3)]
        with pytest.raises(TimeoutError, match="no response"):
            await stuck
        assert await asyncio.gather(*behind) == [0, 1, 2]

    play(test)


def test_waiting_for_a_thread_takes_no_patience() -> None:
    patience = 25 * PATIENCE  # each gets that much more than it needs, as the machine may be busy
    threads = ThreadPool("test", 1, timeout_seconds=patience)
    first = threading.Event()

    async def test() -> None:
        # Each takes far less than the patience; all together take more.
        brief = [asyncio.create_task(threads.run(lambda: first.wait(patience / 25))) for _ in range(40)]
        assert await asyncio.gather(*brief) == [False] * 40

    play(test)


def test_stuck_threads_are_bounded_and_recover(silence: threading.Event) -> None:
    threads = ThreadPool("test", 1, timeout_seconds=PATIENCE)

    async def test() -> None:
        for _ in range(MAX_STUCK):
            with pytest.raises(TimeoutError, match="no response"):
                await threads.run(silence.wait)
        with pytest.raises(TimeoutError, match=f"{MAX_STUCK} threads are stuck"):
            await threads.run(lambda: 7)
        silence.set()
        while threads._stuck:
            try:
                assert await threads.run(lambda: 7) == 7
            except TimeoutError:
                await asyncio.sleep(0)

    play(test)


def test_cancelled_caller_cancels_queued_work(silence: threading.Event) -> None:
    threads, done = ThreadPool("test", 1), []

    async def test() -> None:
        first = asyncio.create_task(threads.run(silence.wait))
        second = asyncio.create_task(threads.run(lambda: done.append("second")))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        silence.set()
        await first
        await threads.run(lambda: done.append("third"))

    play(test)
    assert done == ["third"]


def test_poll_survives_an_unresponsive_database(
    silence: threading.Event, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waiting: list[Callable[[], object]] = [silence.wait]

    def read(position: int, _event_filter: object) -> list[Frame]:
        if waiting:
            waiting.pop()()
        return [Frame(1, "KeyIssued", "lk_a", b"")] if position == 0 else []

    monkeypatch.setattr(reader, "_read", read)

    async def test() -> None:
        read_events, polls = reader.DatabaseReader(ThreadPool("test", 1, timeout_seconds=PATIENCE)), Polls()
        stream = EventStream(EventHub(read_events, pause=polls), read_events, StreamStart(ALL_EVENTS, 0, 0))
        await polls.once(2)
        assert await ids(stream) == [1]
        stream.close()

    play(test)
    assert "event_poll_failed" in caplog.text
