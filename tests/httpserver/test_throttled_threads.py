"""Threads for unauthenticated requests leave processor time to others."""

import threading
import time

from httpserver.throttled_threads import ThrottledThreads


def test_thread_pauses_only_while_work_waits() -> None:
    pauses: list[float] = []
    begin = threading.Event()
    threads = ThrottledThreads(1, "test", pauses.append)
    threads.submit(begin.wait)
    futures = [threads.submit(busy, 0.01) for _ in range(3)]
    begin.set()
    assert [future.result(10) for future in futures] == ["done"] * 3
    threads.shutdown()
    waited, *worked = pauses
    assert waited < 0.01, "waiting is no work"
    assert len(worked) == 2
    assert min(worked) >= 0.01


def test_thread_pauses_if_crowded() -> None:
    pauses: list[float] = []
    threads = ThrottledThreads(1, "test", pauses.append, crowded=lambda: True)
    assert threads.submit(busy, 0.01).result(10) == "done"
    threads.shutdown()
    assert min(pauses) >= 0.01


def test_threads_share_half_a_processor() -> None:
    pauses: list[float] = []
    begin = threading.Event()
    threads = ThrottledThreads(2, "test", pauses.append)
    for _ in range(2):
        threads.submit(begin.wait)
    futures = [threads.submit(busy, 0.01) for _ in range(4)]
    begin.set()
    assert [future.result(10) for future in futures] == ["done"] * 4
    threads.shutdown()
    assert min(sorted(pauses)[-2:]) >= 0.03


def busy(seconds: float) -> str:
    """Use the processor for that long."""
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass
    return "done"
