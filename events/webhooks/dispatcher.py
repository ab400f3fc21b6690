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

from events.thread_pool import ThreadPool
from events.webhooks.attempt import Attempt, loggable_headers
from events.webhooks.delivery import deliver
from events.webhooks.delivery_result import DeliveryResult
from events.webhooks.metrics import DELIVERIES
from events.webhooks.next_delivery import Delivery, due_endpoints, next_delivery
from events.webhooks.record import record_attempt
from events.webhooks.secret import PepperMissing
from latchkey.peppers import Peppers

INTERVAL_SECONDS: Final = 1.0
CRASH_PAUSE_SECONDS: Final = 60.0
# Deadline of one database operation: longer than SQLite waits for another writer, or libpq for a lost server.
DATABASE_TIMEOUT_SECONDS: Final = 30.0

log = structlog.get_logger(__name__)


class Dispatcher:
    """Dispatcher with one task per due endpoint. A slow or failing endpoint delays no other.

    `may_send` returns whether this process holds the lease. It is called before every attempt, on a thread where
    it may use the database. If it returns False, nothing is sent. `jitter` returns a number from 0 up to 1.
    `clock` is a monotonic clock in seconds.
    """

    def __init__(
        self,
        peppers: Peppers,
        may_send: Callable[[], bool],
        now: Callable[[], datetime] = timezone.now,
        jitter: Callable[[], float] = random.random,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._peppers = peppers
        self._may_send = may_send
        self._now = now
        self._jitter = jitter
        self._clock = clock
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._paused_until: dict[int, float] = {}
        self._stop = asyncio.Event()
        # One thread, and so one connection, for any number of endpoints.
        self._database = ThreadPool("webhooks", 1, timeout_seconds=DATABASE_TIMEOUT_SECONDS)

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

    async def run_once(self) -> None:
        """Start due endpoints once. Wait until every endpoint is up to date, has failed, or may not be sent to."""
        await self._start_due()
        await asyncio.gather(*self._tasks.values())

    async def _start_due(self) -> None:
        for pk in await self._database.run(self._due):
            if pk not in self._tasks:
                task = asyncio.create_task(self._deliver_all(pk))
                self._tasks[pk] = task
                task.add_done_callback(lambda _done, pk=pk: self._tasks.pop(pk))  # type: ignore[misc]

    def _due(self) -> list[int]:
        if not self._may_send():
            return []
        clock = self._clock()
        return [pk for pk in due_endpoints(self._now()) if self._paused_until.get(pk, clock) <= clock]

    async def _deliver_all(self, pk: int) -> None:
        """Deliver until the endpoint has nothing left to send."""
        try:
            while delivery := await self._database.run(partial(self._next, pk)):
                attempt = await self._attempt(delivery)
                outcome = await self._database.run(
                    partial(record_attempt, delivery, attempt, self._now(), self._jitter())
                )
                DELIVERIES.labels(outcome.value).inc()
            self._paused_until.pop(pk, None)
        except Exception:
            # Pause the endpoint after a crash: it must neither end the dispatcher nor repeat every second.
            self._paused_until[pk] = self._clock() + CRASH_PAUSE_SECONDS
            log.exception("webhook_crashed", endpoint=pk)

    def _next(self, pk: int) -> Delivery | None:
        if self._stop.is_set() or not self._may_send():
            return None
        return next_delivery(pk, self._now())

    async def _attempt(self, delivery: Delivery) -> Attempt:
        """Return one attempt with its outcome, even after a crash."""
        started_at, started, headers = self._now(), self._clock(), {}
        try:
            message = delivery.message(self._peppers, started_at)
            headers = loggable_headers(delivery.endpoint.url, message)
            result = await deliver(delivery.endpoint.url, message)
        except PepperMissing as missing:
            result = DeliveryResult(error=str(missing))
        except Exception:
            # Without a recorded outcome, the attempt would be repeated without limit.
            log.exception("webhook_attempt_crashed", webhook_id=delivery.endpoint.endpoint_id)
            result = DeliveryResult(error="internal error")
        return Attempt(result, started_at, round((self._clock() - started) * 1000), headers)
