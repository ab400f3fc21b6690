"""The dispatcher: sends each endpoint its events, in order, beside all other endpoints."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Final

import structlog
from django.utils import timezone

from events.threads import WorkThreads
from events.webhooks.assignment import Assignment, due_endpoints, next_assignment
from events.webhooks.delivery import deliver
from events.webhooks.metrics import DELIVERIES
from events.webhooks.outcome import Outcome
from events.webhooks.record import record
from events.webhooks.secret import PepperMissing
from latchkey.peppers import Peppers

INTERVAL_SECONDS: Final = 1.0
CRASH_PAUSE_SECONDS: Final = 60.0
# For one step in the database: longer than SQLite waits for another writer, or libpq for a server that is gone.
PATIENCE_SECONDS: Final = 30.0

log = structlog.get_logger(__name__)


class Dispatcher:
    """One task for each endpoint that is due; a slow or failing endpoint holds up no other.

    `may_send` says whether this process holds the lease; it is asked before each attempt, in a thread where it may use
    the database, and where it says no, nothing is sent. `jitter` gives a number from 0 up to 1; `elapsed` is a clock in
    seconds that nobody puts back.
    """

    def __init__(
        self,
        peppers: Peppers,
        may_send: Callable[[], bool],
        now: Callable[[], datetime] = timezone.now,
        jitter: Callable[[], float] = random.random,
        elapsed: Callable[[], float] = monotonic,
    ) -> None:
        self._peppers = peppers
        self._may_send = may_send
        self._now = now
        self._jitter = jitter
        self._elapsed = elapsed
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._paused_until: dict[int, float] = {}
        self._stop = asyncio.Event()
        # One connection, however many endpoints.
        self._database = WorkThreads("webhooks", 1, patience_seconds=PATIENCE_SECONDS)

    async def run(self, stop: asyncio.Event) -> None:
        """Looks every second for endpoints that are due, until `stop` is set; attempts under way are then finished.

        A database that is away is logged and asked again.
        """
        self._stop = stop
        while not stop.is_set():
            try:
                await self._start_due()
            except Exception:
                log.exception("webhook_round_failed")
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), INTERVAL_SECONDS)
        await asyncio.gather(*self._tasks.values())

    async def round(self) -> None:
        """Starts what is due and waits until every endpoint has all of its events, or failed, or may not be sent to."""
        await self._start_due()
        await asyncio.gather(*self._tasks.values())

    async def _start_due(self) -> None:
        for pk in await self._database.run(self._due):
            if pk not in self._tasks:
                task = asyncio.create_task(self._serve(pk))
                self._tasks[pk] = task
                task.add_done_callback(lambda _done, pk=pk: self._tasks.pop(pk))  # type: ignore[misc]

    def _due(self) -> list[int]:
        if not self._may_send():
            return []
        elapsed = self._elapsed()
        return [pk for pk in due_endpoints(self._now()) if self._paused_until.get(pk, elapsed) <= elapsed]

    async def _serve(self, pk: int) -> None:
        """Delivers until the endpoint is done. A crash neither ends the dispatcher nor repeats each second."""
        try:
            while assignment := await self._database.run(partial(self._next, pk)):
                outcome = await self._attempt(assignment)
                counted = await self._database.run(partial(record, assignment, outcome, self._now(), self._jitter()))
                DELIVERIES.labels(counted.value).inc()
            self._paused_until.pop(pk, None)
        except Exception:
            self._paused_until[pk] = self._elapsed() + CRASH_PAUSE_SECONDS
            log.exception("webhook_crashed", endpoint=pk)

    def _next(self, pk: int) -> Assignment | None:
        if self._stop.is_set() or not self._may_send():
            return None
        return next_assignment(pk, self._now())

    async def _attempt(self, assignment: Assignment) -> Outcome:
        """What came of one attempt, whatever happens: what was not recorded would be tried again for ever."""
        try:
            message = assignment.message(self._peppers, self._now())
            return await deliver(assignment.endpoint.url, message)
        except PepperMissing as missing:
            return Outcome(error=str(missing))
        except Exception:
            log.exception("webhook_attempt_crashed", webhook_id=assignment.endpoint.endpoint_id)
            return Outcome(error="internal error")
