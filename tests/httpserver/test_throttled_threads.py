"""How threads for requests that nothing speaks for leave the processor to others."""

import threading
import time

from httpserver.throttled_threads import PacedThreads


def test_thread_pauses_while_more_work_waits_and_not_after_the_last() -> None:
    pauses: list[float] = []
    begin = threading.Event()
    threads = PacedThreads(1, "test", pauses.append)
    threads.submit(begin.wait)
    futures = [threads.submit(busy, 0.01) for _ in range(3)]
    begin.set()
    assert [future.result(10) for future in futures] == ["done"] * 3
    threads.shutdown()
    waited, *worked = pauses
    assert waited < 0.01, "waiting is no work"
    assert len(worked) == 2
    assert min(worked) >= 0.01


def test_thread_pauses_while_work_waits_elsewhere() -> None:
    pauses: list[float] = []
    threads = PacedThreads(1, "test", pauses.append, crowded=lambda: True)
    assert threads.submit(busy, 0.01).result(10) == "done"
    threads.shutdown()
    assert min(pauses) >= 0.01


def test_several_threads_together_have_the_same_share() -> None:
    pauses: list[float] = []
    begin = threading.Event()
    threads = PacedThreads(2, "test", pauses.append)
    for _ in range(2):
        threads.submit(begin.wait)
    futures = [threads.submit(busy, 0.01) for _ in range(4)]
    begin.set()
    assert [future.result(10) for future in futures] == ["done"] * 4
    threads.shutdown()
    assert min(sorted(pauses)[-2:]) >= 0.03


def busy(seconds: float) -> str:
    """Uses the processor for so long."""
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass
    return "done"
