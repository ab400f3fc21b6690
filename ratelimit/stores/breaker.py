"""Circuit breaker: fails fast while the store is down, and probes it in the background."""

from collections.abc import Callable
from threading import Event, Lock, Thread
from time import monotonic
from typing import Final

import structlog

from ratelimit import metrics
from ratelimit.stores.base import BucketStoreError

PROBE_SECONDS: Final = 0.25
FLAPPING_SECONDS: Final = 2.0
MAX_PAUSE_SECONDS: Final = 4.0

log = structlog.get_logger(__name__)


class Breaker:
    """Circuit breaker of one store in one process. The first failed call opens it.

    While it is open, no request calls the store. A background thread probes the store immediately and then every
    PROBE_SECONDS, and closes the breaker with the first successful probe. So a brief failure is over quickly, and
    only the requests that were under way at its start wait for an outage.

    If the breaker opens again within FLAPPING_SECONDS of closing, the first probe waits longer each time, up to
    MAX_PAUSE_SECONDS.

    `probe` raises BucketStoreError while the store is down. `pause` sleeps for a number of seconds. `clock`
    returns seconds of a clock that never goes back.
    """

    def __init__(
        self,
        name: str,
        probe: Callable[[], None],
        pause: Callable[[float], object] | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.closed = True
        self._name = name
        self._probe = probe
        self._pause = pause or Event().wait
        self._clock = clock
        self._lock = Lock()
        self._closed_at = float("-inf")
        self._first_pause = 0.0

    def open(self, error: BucketStoreError) -> None:
        """Open the breaker after a failed call. The caller gets its decision from the fallback."""
        with self._lock:
            if not self.closed:
                return
            self.closed = False
        # A store may respond to probes but not to requests. Without a growing pause the breaker would open and
        # close all the time, and a request would wait for the time-out each time.
        flapping = self._clock() - self._closed_at < FLAPPING_SECONDS
        self._first_pause = min(max(2 * self._first_pause, PROBE_SECONDS), MAX_PAUSE_SECONDS) if flapping else 0.0
        metrics.ON_FALLBACK.set(1)
        log.error("bucket_store_lost", store=self._name, reason=str(error))
        # A daemon thread, so that an outage doesn't keep the process from ending.
        Thread(target=self._probe_until_up, name="bucket-store-probe", daemon=True).start()

    def _probe_until_up(self) -> None:
        if self._first_pause:
            self._pause(self._first_pause)
        while not self._probe_succeeds():
            self._pause(PROBE_SECONDS)
        metrics.ON_FALLBACK.set(0)
        log.info("bucket_store_back", store=self._name)
        # Set the time before `closed`: a request may fail and call `open` right after the breaker closes.
        self._closed_at = self._clock()
        self.closed = True

    def _probe_succeeds(self) -> bool:
        try:
            self._probe()
        except BucketStoreError:
            return False
        except Exception:
            # An exception must not end this thread: no other thread probes the store, so the breaker would stay
            # open.
            log.exception("bucket_store_probe_failed", store=self._name)
            return False
        return True
