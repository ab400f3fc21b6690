"""Both clients behind one interface, for what they have to do in the same way."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from latchkey import AsyncClient, Client

Call = Callable[[], object]
"""Makes one call."""


@contextmanager
def blocking(url: str, **options: Any) -> Iterator[Call]:
    with Client(url, **options) as client:
        yield client.health


@contextmanager
def asynchronous(url: str, **options: Any) -> Iterator[Call]:
    with asyncio.Runner() as runner:
        client = runner.run(_opened(url, options))
        try:
            yield lambda: runner.run(client.health())
        finally:
            runner.run(client.aclose())


async def _opened(url: str, options: dict[str, Any]) -> AsyncClient:
    return AsyncClient(url, **options)


both = pytest.mark.parametrize("calling", [blocking, asynchronous])
