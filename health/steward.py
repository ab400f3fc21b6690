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

from apikeys.usage import UsageLedger
from health.models import release_lease, take_lease
from ratelimit.stores import BucketStore, BucketStoreError

LEASE: Final = "steward"
LEASE_DURATION: Final = timedelta(seconds=30)
INTERVAL_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


class Steward:
    """Holds the lease or waits for it; with it, does each task once a turn."""

    def __init__(self, store: BucketStore, *, now: Callable[[], datetime] = timezone.now) -> None:
        self._now = now
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"[-64:]
        self._ledger = UsageLedger(store)

    def turn(self) -> bool:
        """One turn; False where another steward holds the lease. A task that fails is logged and tried again."""
        try:
            if not take_lease(LEASE, self._holder, now=self._now(), duration=LEASE_DURATION):
                return False
            self._ledger.write_down()
        except (DatabaseError, BucketStoreError):
            log.exception("steward_turn_failed")
        return True

    def resign(self) -> None:
        """Gives the lease back."""
        release_lease(LEASE, self._holder)
