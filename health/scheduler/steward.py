"""The steward: the work that time drives, done by one process at a time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Final
from uuid import uuid4

import structlog
from django.db import DatabaseError
from django.utils import timezone

from events.lock_timeout import note_given_up
from health.guard_rails.operation import STEWARD_LEASE
from health.scheduler.lease import release_lease, take_lease
from health.scheduler.tasks import Task, Turn
from ratelimit.stores import BucketStoreError

LEASE_DURATION: Final = timedelta(seconds=30)
RENEWED_BELOW_SECONDS: Final = 20.0
BREATH_SECONDS: Final = 0.005
INTERVAL_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


class Steward:
    """Holds the lease or waits for it; with it, does each task in its turns.

    `tasks` are tried each for itself: one that fails is logged and tried again, and keeps no other from its work.
    `holder` is its name in the lease: whoever starts a steward anew once another is dead gives it the same, so that it
    need not wait for the lease to lapse; no two that live may share it. Without one it is a name of its own.
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
        self._went_on_at = elapsed()
        self._turns = 0

    def turn(self) -> bool:
        """One turn; False where another steward holds the lease, or the database does not say."""
        request_id = uuid4().hex
        for task in self._tasks:
            if self._turns % task.every_turns:
                continue
            if not self._take_lease():
                return False
            try:
                task.run(Turn(self._now(), request_id, self._go_on))
            except BucketStoreError as error:  # is told as an incident; each turn would tell it again with a traceback
                log.error("steward_task_failed", task=task.name, reason=f"BucketStoreError: {error}")  # noqa: TRY400
            except Exception as error:
                note_given_up(error)
                log.exception("steward_task_failed", task=task.name)
        self._turns += 1
        return True

    def lease_left_seconds(self) -> float:
        """For how long nobody else can hold the lease, at the least: 0 or less where this steward may not hold it."""
        return self._held_until - self._elapsed()

    def went_on_at(self) -> float:
        """When its work last went on, by the clock `elapsed`: between two tasks, and between two batches of one."""
        return self._went_on_at

    def resign(self) -> None:
        """Gives the lease back."""
        self._held_until = 0.0
        try:
            release_lease(STEWARD_LEASE, self._holder, now=self._now())
        except DatabaseError:
            log.exception("steward_resignation_failed")  # it lapses by itself

    def _go_on(self) -> bool:
        """Between two batches: others get to write, and the lease is renewed before it runs out."""
        self._pause(BREATH_SECONDS)
        self._went_on_at = self._elapsed()
        return self.lease_left_seconds() > RENEWED_BELOW_SECONDS or self._take_lease()

    def _take_lease(self) -> bool:
        before = self._went_on_at = self._elapsed()
        try:
            held = take_lease(STEWARD_LEASE, self._holder, now=self._now(), duration=LEASE_DURATION)
        except DatabaseError as error:
            note_given_up(error)
            log.exception("steward_lease_not_taken")
            return False  # what is held still lapses by itself
        self._held_until = before + LEASE_DURATION.total_seconds() if held else 0.0
        return held
