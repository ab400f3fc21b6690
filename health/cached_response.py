"""The response to /health, kept current in the background: a probe waits for no thread, no database and no store."""

import asyncio
from functools import cache
from typing import Final

import structlog

from apikeys.cache.key_cache import default_key_cache
from events.threads import WorkThreads
from health.local_health import Status, status_now
from httpserver.stopping import is_stopping

INTERVAL_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 0.25
DEADLINE_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


class CurrentHealth:
    """The status of this process as it was INTERVAL_SECONDS ago at most, or DEADLINE_SECONDS and that if the database
    is slow.
    """

    def __init__(self) -> None:
        self._seen: Status | None = None

    @property
    def status(self) -> Status | None:
        """The status, or None before the first look at it. That the server stops, and that the database is down, is
        known without a look.
        """
        if is_stopping():
            return Status.STOPPING
        return Status.DOWN if self._seen and default_key_cache().database_is_down else self._seen

    async def keep(self) -> None:
        """Looks until it is cancelled, on a thread of its own. A look that misses its deadline counts as down."""
        threads = WorkThreads("health", 1, patience_seconds=DEADLINE_SECONDS)
        while True:
            self._seen = await self._look(threads)
            await asyncio.sleep(RETRY_SECONDS if self._seen is Status.DOWN else INTERVAL_SECONDS)

    async def _look(self, threads: WorkThreads) -> Status:
        try:
            return await threads.run(status_now)
        except TimeoutError:
            return Status.DOWN
        except Exception:
            log.exception("health_unknown")
            return Status.DOWN


@cache
def current_health() -> CurrentHealth:
    """The process's."""
    return CurrentHealth()
