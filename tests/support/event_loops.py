"""An event loop that ends with an open connection fails the test that ran it, and not whichever test runs when the
connection is collected.
"""

import asyncio
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


async def closed() -> None:
    """Return when no connection of the running event loop is open. One with TLS is closed once the other end has
    answered its good-bye, and redis-py doesn't wait for that if the password was refused.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(15):
        while _open(loop):  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0.01)


@contextmanager
def watched() -> Iterator[list[str]]:
    """The connections that event loops left open within the block."""
    left: list[str] = []
    close = BaseSelectorEventLoop.close

    def watching(loop: Any) -> None:
        if not loop.is_closed():
            left.extend(_open(loop))
        close(loop)

    BaseSelectorEventLoop.close = watching  # type: ignore[method-assign, assignment]
    try:
        yield left
    finally:
        BaseSelectorEventLoop.close = close  # type: ignore[method-assign]


def _open(loop: Any) -> list[str]:
    return [repr(transport) for transport in loop._transports.values() if transport._sock is not None]
