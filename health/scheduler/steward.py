"""Steward, the background worker: runs scheduled tasks under a database lease, so one process works at a time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Final
from uuid import uuid4

import structlog
from django.db import DatabaseError
from django.utils import timezone

from events.lock_timeout import record_lock_timeout
from health.guard_rails.operation import STEWARD_LEASE
from health.scheduler.lease import release_lease, take_lease
from health.scheduler.tasks import Run, Task
from ratelimit.stores import BucketStoreError

LEASE_DURATION: Final = timedelta(seconds=30)
RENEW_BELOW_SECONDS: Final = 20.0
BATCH_PAUSE_SECONDS: Final = 0.005
INTERVAL_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


class Steward:
    """Worker that holds the lease or waits for it. With it, the steward runs each task when it's due.

    A task that fails is logged and tried again, and doesn't keep the others from running. `holder` is its name in
    the lease. A supervisor that replaces a dead steward gives the new one the same name, so that it doesn't wait
    until the lease expires; no two that run may share a name. Without one, it gets a random name.
    """

    def __init__(
        self,
        tasks: tuple[Task, ...],
        *,
        holder: str = "",
        now: Callable[[], datetime] = timezone.now,
        elapsed: Callable[[], float] = monotonic,
        pause: Callable[[float], None] = sleep,
    ) -> None:
        self._tasks = tasks
        self._now = now
        self._elapsed = elapsed
        self._pause = pause
        self._holder = holder or uuid4().hex
        self._held_until = 0.0
        self._last_progress_at = elapsed()
        self._runs = 0

    def run_once(self) -> bool:
        """Do one run. Return False if another steward holds the lease, or the database doesn't say."""
        request_id = uuid4().hex
        for task in self._tasks:
            if self._runs % task.every_runs:
                continue
            # Renew it before each task: the one before may have taken long.
            if not self._take_lease():
                return False
            try:
                task.run(Run(self._now(), request_id, self._should_continue))
            except BucketStoreError as error:
                # An incident reports this. Each run would log it again with a traceback.
                log.error("steward_task_failed", task=task.name, reason=f"BucketStoreError: {error}")  # noqa: TRY400
            except Exception as error:
                record_lock_timeout(error)
                log.exception("steward_task_failed", task=task.name)
        self._runs += 1
        return True

    def lease_left_seconds(self) -> float:
        """Return for how many seconds, at least, no one else can hold the lease.

        It's 0 or less if this steward may not hold it.
        """
        return self._held_until - self._elapsed()

    def last_progress_at(self) -> float:
        """Return when the work last made progress, by the clock `elapsed`.

        That is between two tasks, and between two batches of one.
        """
        return self._last_progress_at

    def resign(self) -> None:
        """Give the lease back."""
        self._held_until = 0.0
        try:
            release_lease(STEWARD_LEASE, self._holder, now=self._now())
        except DatabaseError:
            # The lease expires anyway.
            log.exception("steward_resignation_failed")

    def _should_continue(self) -> bool:
        """Let others write, and renew the lease before it expires. Called between two batches."""
        self._pause(BATCH_PAUSE_SECONDS)
        self._last_progress_at = self._elapsed()
        return self.lease_left_seconds() > RENEW_BELOW_SECONDS or self._take_lease()

    def _take_lease(self) -> bool:
        # Measured before the call: the lease that it takes can't end earlier than counted from here.
        before = self._last_progress_at = self._elapsed()
        try:
            held = take_lease(STEWARD_LEASE, self._holder, now=self._now(), duration=LEASE_DURATION)
        except DatabaseError as error:
            record_lock_timeout(error)
            log.exception("steward_lease_not_taken")
            # A lease that is still held stays valid until it expires.
            return False
        self._held_until = before + LEASE_DURATION.total_seconds() if held else 0.0
        return held
