"""The breaker: keeps the outage of a store off the path of requests."""

from collections.abc import Callable
from threading import Event, Lock, Thread
from time import monotonic
from typing import Final

import structlog

from ratelimit import metrics
from ratelimit.stores.base import BucketStoreError

PROBE_SECONDS: Final = 0.25
RESTLESS_SECONDS: Final = 2.0
MOST_PAUSE_SECONDS: Final = 4.0

log = structlog.get_logger(__name__)


class Breaker:
    """Opens with the first call that fails. While it is open no request asks the store: a thread of its own probes it,
    at once and then every PROBE_SECONDS, and closes the breaker with the first probe that succeeds. So a hiccup is over
    in no time, and an outage costs those alone who asked as it began. Where a store answers probes and not requests, so
    that the breaker opens again within RESTLESS_SECONDS, each first probe waits longer than the one before, up to
    MOST_PAUSE_SECONDS.

    `probe` raises BucketStoreError where the store is still away. `pause` waits so many seconds; `elapsed` is a clock
    in seconds that never steps back.
    """

    def __init__(
        self,
        name: str,
        probe: Callable[[], None],
        pause: Callable[[float], object] | None = None,
        elapsed: Callable[[], float] = monotonic,
    ) -> None:
        self.closed = True
        self._name = name
        self._probe = probe
        self._pause = pause or Event().wait
        self._elapsed = elapsed
        self._lock = Lock()
        self._closed_at = float("-inf")
        self._first_pause = 0.0

    def open(self, error: BucketStoreError) -> None:
        """Told of each call that failed; the call itself is answered by the fallback."""
        with self._lock:
            if not self.closed:
                return
            self.closed = False
        restless = self._elapsed() - self._closed_at < RESTLESS_SECONDS
        self._first_pause = min(max(2 * self._first_pause, PROBE_SECONDS), MOST_PAUSE_SECONDS) if restless else 0.0
        metrics.ON_FALLBACK.set(1)
        log.error("bucket_store_lost", store=self._name, reason=str(error))
        Thread(target=self._wait_for_return, name="bucket-store-probe", daemon=True).start()

    def _wait_for_return(self) -> None:
        if self._first_pause:
            self._pause(self._first_pause)
        while not self._answers():
            self._pause(PROBE_SECONDS)
        metrics.ON_FALLBACK.set(0)
        log.info("bucket_store_back", store=self._name)
        self._closed_at = self._elapsed()
        self.closed = True

    def _answers(self) -> bool:
        try:
            self._probe()
        except BucketStoreError:
            return False
        except Exception:
            log.exception("bucket_store_probe_failed", store=self._name)  # or nobody would ever look again
            return False
        return True
