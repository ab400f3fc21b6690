"""Threads for requests that nothing speaks for: a crowd of them leaves Python's lock to others."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class PacedThreads(ThreadPoolExecutor):
    """`threads` threads that together use half of one processor at most while more work waits, or while `crowded` says
    that it does, somewhere else.

    After a piece of work a thread pauses for as long as its share asks for, by the processor time that the work took:
    time in which it waited for a database is no burden to others. Work that comes alone is not delayed.
    """

    def __init__(
        self,
        threads: int,
        name: str,
        sleep: Callable[[float], None] = time.sleep,
        crowded: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(threads, thread_name_prefix=name)
        self._pauses_per_work = 2 * threads - 1
        self._sleep = sleep
        self._crowded = crowded

    def submit(self, work: Callable[P, T], /, *args: P.args, **named: P.kwargs) -> Future[T]:
        """Run `work` on a thread when its turn comes."""

        def paced() -> T:
            began = time.thread_time()
            try:
                return work(*args, **named)
            finally:
                if not self._work_queue.empty() or self._crowded():
                    self._sleep(self._pauses_per_work * (time.thread_time() - began))

        return super().submit(paced)
