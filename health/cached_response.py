"""Current response to /health, updated in the background: a probe waits for no thread, database or bucket store."""

import asyncio
from functools import cache
from typing import Final

import structlog

from apikeys.cache.key_cache import default_key_cache
from events.thread_pool import ThreadPool
from health.local_health import Status, status_now
from httpserver.stopping import is_stopping

INTERVAL_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 0.25
DEADLINE_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


class CurrentHealth:
    """Status of this process, INTERVAL_SECONDS old at most.

    If the database is slow, the status may be DEADLINE_SECONDS older.
    """

    def __init__(self) -> None:
        self._latest: Status | None = None

    @property
    def status(self) -> Status | None:
        """Return the status, or None before the first check."""
        # Both states are known without a check, so they take effect without waiting for the next one.
        if is_stopping():
            return Status.STOPPING
        return Status.DOWN if self._latest and default_key_cache().database_is_down else self._latest

    async def refresh_forever(self) -> None:
        """Check until cancelled, on its own thread. A check that misses its deadline counts as down."""
        threads = ThreadPool("health", 1, timeout_seconds=DEADLINE_SECONDS)
        while True:
            self._latest = await self._check(threads)
            # Check more often while down, so that a node returns to service soon.
            await asyncio.sleep(RETRY_SECONDS if self._latest is Status.DOWN else INTERVAL_SECONDS)

    async def _check(self, threads: ThreadPool) -> Status:
        try:
            return await threads.run(status_now)
        except TimeoutError:
            return Status.DOWN
        except Exception:
            log.exception("health_unknown")
            return Status.DOWN


@cache
def current_health() -> CurrentHealth:
    """Return the current health of this process."""
    return CurrentHealth()
