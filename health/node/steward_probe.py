"""The lookout: each serving process looks every few seconds whether a steward works."""

import asyncio
from typing import Final

from events.threads import WorkThreads
from health.local_health import look_for_steward

INTERVAL_SECONDS: Final = 10.0


async def look_out() -> None:
    """Looks until it is cancelled, on a thread of its own: it may have to wait for the database, and nobody for it."""
    threads = WorkThreads("lookout", 1)
    while True:
        await asyncio.sleep(INTERVAL_SECONDS)
        await threads.run(look_for_steward)
