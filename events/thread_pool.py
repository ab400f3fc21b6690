"""Threads for blocking work of the event loop, separate from Django's threads."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from time import monotonic
from typing import Any, Final, TypeVar

from django.db import close_old_connections

MAX_STUCK: Final = 4

T = TypeVar("T")


class ThreadPool:
    """Pool of `threads` threads, named after `name`. Further work waits.

    As for a Django request, database connections that are broken or too old are closed before and after the work,
    and pooled ones are returned.

    Work that takes longer than `timeout_seconds`, for example on an unresponsive connection, is abandoned: the
    work behind it continues on new threads. That happens at most MAX_STUCK times, until a stuck thread returns.
    """

    def __init__(self, name: str, threads: int, *, timeout_seconds: float | None = None) -> None:
        self._name = name
        self._threads = threads
        self._timeout_seconds = timeout_seconds
        self._stuck: set[Future[Any]] = set()
        self._executor = self._new_executor()

    async def run(self, work: Callable[[], T]) -> T:
        """Return or raise the result of `work`. Raise TimeoutError if it takes too long or if all threads are stuck."""
        context = copy_context()
        while True:
            self._check_not_all_stuck()
            started: list[float] = []
            executor = self._executor
            submitted = executor.submit(context.run, _with_fresh_connections, started, work)
            result = asyncio.wrap_future(submitted)
            try:
                await self._wait(result, started)
            except asyncio.CancelledError:
                result.cancel()
                raise
            if not result.done():
                result.cancel()
                self._replace_stuck_executor(submitted, executor)
            if not result.cancelled():
                return result.result()

    async def _wait(self, result: asyncio.Future[T], started: list[float]) -> None:
        left = self._timeout_seconds
        while not result.done() and (left is None or left > 0):
            await asyncio.wait([result], timeout=left)
            if self._timeout_seconds is not None and started:
                left = started[0] + self._timeout_seconds - monotonic()

    def _replace_stuck_executor(self, stuck: Future[T], executor: ThreadPoolExecutor) -> None:
        self._stuck.add(stuck)
        # Otherwise another work item was stuck in the same pool, and the pool has been replaced already.
        if executor is self._executor:
            self._executor = self._new_executor()
            # Work that waits behind it is cancelled. Its `run` wakes up and submits it to the new pool.
            executor.shutdown(wait=False, cancel_futures=True)
        raise TimeoutError(f"{self._name}: no response for {self._timeout_seconds} s")

    def _check_not_all_stuck(self) -> None:
        self._stuck = {one for one in self._stuck if not one.done()}
        if len(self._stuck) >= MAX_STUCK * self._threads:
            raise TimeoutError(f"{self._name}: {len(self._stuck)} threads are stuck")

    def _new_executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix=self._name)


def _with_fresh_connections(started: list[float], work: Callable[[], T]) -> T:
    started.append(monotonic())
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()
