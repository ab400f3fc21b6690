"""Webhook dispatcher: sends every endpoint its events in order, all endpoints concurrently."""

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
from events.webhooks.delivery import deliver
from events.webhooks.metrics import DELIVERIES
from events.webhooks.next_delivery import Assignment, due_endpoints, next_assignment
from events.webhooks.outcome import Outcome
from events.webhooks.record import record
from events.webhooks.secret import PepperMissing
from latchkey.peppers import Peppers

INTERVAL_SECONDS: Final = 1.0
CRASH_PAUSE_SECONDS: Final = 60.0
# Deadline of one database operation: longer than SQLite waits for another writer, or libpq for a lost server.
PATIENCE_SECONDS: Final = 30.0

log = structlog.get_logger(__name__)


class Dispatcher:
    """Dispatcher with one task per due endpoint. A slow or failing endpoint delays no other.

    `may_send` returns whether this process holds the lease. It is called before every attempt, on a thread where
    it may use the database. If it returns False, nothing is sent. `jitter` returns a number from 0 up to 1.
    `elapsed` is a monotonic clock in seconds.
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
        # One thread, and so one connection, for any number of endpoints.
        self._database = WorkThreads("webhooks", 1, patience_seconds=PATIENCE_SECONDS)

    async def run(self, stop: asyncio.Event) -> None:
        """Start due endpoints every second until `stop` is set, then wait for the attempts in progress.

        A database failure is logged, and the query repeated.
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
        """Start due endpoints once. Wait until every endpoint is up to date, has failed, or may not be sent to."""
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
        """Deliver until the endpoint has nothing left to send."""
        try:
            while assignment := await self._database.run(partial(self._next, pk)):
                outcome = await self._attempt(assignment)
                counted = await self._database.run(partial(record, assignment, outcome, self._now(), self._jitter()))
                DELIVERIES.labels(counted.value).inc()
            self._paused_until.pop(pk, None)
        except Exception:
            # Pause the endpoint after a crash: it must neither end the dispatcher nor repeat every second.
            self._paused_until[pk] = self._elapsed() + CRASH_PAUSE_SECONDS
            log.exception("webhook_crashed", endpoint=pk)

    def _next(self, pk: int) -> Assignment | None:
        if self._stop.is_set() or not self._may_send():
            return None
        return next_assignment(pk, self._now())

    async def _attempt(self, assignment: Assignment) -> Outcome:
        """Return the outcome of one attempt, even after a crash."""
        try:
            message = assignment.message(self._peppers, self._now())
            return await deliver(assignment.endpoint.url, message)
        except PepperMissing as missing:
            return Outcome(error=str(missing))
        except Exception:
            # Without a recorded outcome, the attempt would be repeated without limit.
            log.exception("webhook_attempt_crashed", webhook_id=assignment.endpoint.endpoint_id)
            return Outcome(error="internal error")
