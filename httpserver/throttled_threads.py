"""Throttled threads for unauthenticated work: a burst of it can't monopolize Python's global interpreter lock."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class PacedThreads(ThreadPoolExecutor):
    """Pool of `threads` threads that use at most half a processor together while work waits or `crowded` returns True.

    After each piece of work, a thread pauses in proportion to the processor time that the work took. Time spent
    waiting for a database does not count, because it does not burden others. Work that arrives alone is not
    delayed.
    """

    def __init__(
        self,
        threads: int,
        name: str,
        sleep: Callable[[float], None] = time.sleep,
        crowded: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(threads, thread_name_prefix=name)
        # Each of n threads may run for 1/(2n) of the time, so it pauses 2n - 1 times as long as it ran.
        self._pauses_per_work = 2 * threads - 1
        self._sleep = sleep
        self._crowded = crowded

    def submit(self, work: Callable[P, T], /, *args: P.args, **named: P.kwargs) -> Future[T]:
        """Run `work` on a free thread, then pause that thread if more work waits. Return its future."""

        def paced() -> T:
            began = time.thread_time()
            try:
                return work(*args, **named)
            finally:
                if not self._work_queue.empty() or self._crowded():
                    self._sleep(self._pauses_per_work * (time.thread_time() - began))

        return super().submit(paced)
