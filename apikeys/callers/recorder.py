"""Recorder of callers: keeps samples of requests in memory until they are written."""

from collections.abc import Callable
from threading import Lock
from time import time
from typing import Final

import structlog
from django.conf import settings

from apikeys.callers.caller import Caller
from apikeys.callers.countdown import Countdown
from apikeys.callers.sightings import Sighting, Sightings, add_sighting
from apikeys.models import CallerKind

MAX_KEYS: Final = 2048
MAX_SAMPLES: Final = 4096
"""How many samples are taken between two calls of `take`. They cost a worker about 0.1 s in total."""

log = structlog.get_logger(__name__)


class CallerRecorder:
    """Sampled callers of up to MAX_KEYS keys, shared by all threads of a process.

    Samples of further keys, and those beyond MAX_SAMPLES, are not taken. `now` returns Unix time in seconds.
    """

    def __init__(self, *, enabled: bool = True, now: Callable[[], float] = time) -> None:
        self.enabled = enabled
        self._now = now
        self._lock = Lock()
        self.clear()

    def clear(self) -> None:
        """Drop everything that was recorded."""
        self._countdowns: dict[str, Countdown] = {}
        self._start_over()

    def record(self, key_id: str, read: Callable[[], Caller]) -> None:
        """Count an authenticated request of the key. If it is a sample, record the caller that `read` returns.

        Never raise, because the request must not fail.
        """
        countdown = self._countdowns.get(key_id)
        if countdown is None:
            if len(self._countdowns) >= MAX_KEYS:
                return
            countdown = self._countdowns.setdefault(key_id, Countdown())
        # Without a lock: if two threads count at the same time, a request is missing in an estimate.
        countdown.left -= 1
        if countdown.left < 0:
            self.sample(key_id, countdown, read)

    def sample(self, key_id: str, countdown: Countdown, read: Callable[[], Caller]) -> None:
        """Record the caller of a request at which the countdown ended, and restart the countdown. Never raise."""
        requests = self._begin_sample(key_id, countdown)
        if not requests:
            return
        try:
            caller = read()
        except Exception:
            log.exception("caller_not_read")
            return
        now = self._now()
        with self._lock:
            sightings = self._sightings.setdefault(key_id, {})
            for kind, value in ((CallerKind.ADDRESS, caller.address), (CallerKind.SERVICE, caller.service)):
                if value:
                    add_sighting(sightings, (kind, value), Sighting(requests, now, now))

    def _begin_sample(self, key_id: str, countdown: Countdown) -> int:
        """Restart the countdown. Return how many requests the sample counts for, or 0 if none is taken."""
        with self._lock:
            if countdown.left >= 0:
                # Another thread has taken the sample.
                return 0
            if not self._has_room(key_id):
                countdown.postpone()
                return 0
            requests = countdown.gap
            self._samples += 1
            self._sampled[key_id] = sampled = self._sampled.get(key_id, 0) + requests
            countdown.restart(sampled)
        return requests

    def take(self) -> dict[str, Sightings]:
        """Return what was recorded since the last call, by key ID, and start over."""
        with self._lock:
            taken = self._sightings
            self._start_over()
            # The next request of each key is a sample again. Keys without a request since their last sample go.
            self._countdowns = {key_id: it.carried() for key_id, it in list(self._countdowns.items()) if it.missed}
        return {key_id: sightings for key_id, sightings in taken.items() if sightings}

    def _start_over(self) -> None:
        self._sightings: dict[str, Sightings] = {}
        # How many requests the samples of each key count for.
        self._sampled: dict[str, int] = {}
        self._samples = 0

    def _has_room(self, key_id: str) -> bool:
        if not self.enabled or self._samples >= MAX_SAMPLES:
            return False
        return key_id in self._sampled or len(self._sampled) < MAX_KEYS


CALLERS: Final = CallerRecorder(enabled=settings.RECORD_CALLERS)
"""The recorder of this process."""
