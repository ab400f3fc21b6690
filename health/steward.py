"""The steward: the work that time drives, done by one process at a time."""

import os
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

import structlog
from django.db import DatabaseError
from django.utils import timezone

from apikeys.gate import failure_limit
from apikeys.usage import UsageLedger
from health.models import release_lease, take_lease
from ratelimit.limiter import Limiter

LEASE: Final = "steward"
LEASE_DURATION: Final = timedelta(seconds=30)
INTERVAL_SECONDS: Final = 5.0
PRUNE_EVERY_TURNS: Final = 12

log = structlog.get_logger(__name__)


class Steward:
    """Holds the lease or waits for it; with it, does each task once a turn."""

    def __init__(self, limiter: Limiter, *, now: Callable[[], datetime] = timezone.now) -> None:
        self._now = now
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"[-64:]
        self._limiter = limiter
        self._ledger = UsageLedger(limiter.store)
        self._turns = 0

    def turn(self) -> bool:
        """One turn; False where another steward holds the lease. A task that fails is logged and tried again."""
        try:
            if not take_lease(LEASE, self._holder, now=self._now(), duration=LEASE_DURATION):
                return False
            self._limiter.store.tidy()
            self._ledger.write_down()
            if self._turns % PRUNE_EVERY_TURNS == 0:
                self._limiter.forget_idle_addresses(failure_limit())
            self._turns += 1
        except Exception:
            log.exception("steward_turn_failed")
        return True

    def resign(self) -> None:
        """Gives the lease back."""
        try:
            release_lease(LEASE, self._holder)
        except DatabaseError:
            log.exception("steward_resignation_failed")  # it lapses by itself
