"""Steward probe: each serving process checks every few seconds whether a steward works."""

import asyncio
from typing import Final

from events.thread_pool import ThreadPool
from health.local_health import check_steward

INTERVAL_SECONDS: Final = 10.0


async def probe_steward() -> None:
    """Check until cancelled, on its own thread."""
    # The check may have to wait for the database, and nothing else should wait for the check.
    threads = ThreadPool("steward-probe", 1)
    while True:
        await asyncio.sleep(INTERVAL_SECONDS)
        await threads.run(check_steward)
