"""Threads for blocking work of the event loop, apart from those on which Django answers."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from django.db import close_old_connections

T = TypeVar("T")


class WorkThreads:
    """`threads` threads named after `name`. Work beyond them waits its turn.

    As around a request of Django, a database connection that broke or is too old is closed before and after the work,
    and one of a pool is given back.
    """

    def __init__(self, name: str, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises."""
        context = copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._executor, context.run, _tidily, work)


def _tidily(work: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()
