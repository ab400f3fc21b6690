"""Limits on the live streams that a process keeps open, in total and per key."""

from collections import Counter
from threading import Lock
from typing import Final

from prometheus_client import Gauge

from latchkey import metric_names
from latchkey.problems import ProblemError

MAX_STREAMS: Final = 1000
MAX_STREAMS_PER_KEY: Final = 100
RETRY_AFTER_SECONDS: Final = 10

OPEN: Final = Gauge(metric_names.EVENT_STREAMS_OPEN, "Live streams that are open now.", multiprocess_mode="livesum")


class TooManyStreams(ProblemError):
    """The process has MAX_STREAMS streams, or this key has MAX_STREAMS_PER_KEY."""

    slug = "unavailable"


class StreamLimit:
    """Thread-safe counter of open streams."""

    def __init__(self, *, max_streams: int = MAX_STREAMS, max_per_key: int = MAX_STREAMS_PER_KEY) -> None:
        self._max_streams = max_streams
        self._max_per_key = max_per_key
        self._lock = Lock()
        self._by_key: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """Return the number of open streams."""
        return self._by_key.total()

    def acquire(self, key_id: str) -> None:
        """Reserve a slot for the key; `release` releases it. Raise TooManyStreams."""
        with self._lock:
            if self.count >= self._max_streams:
                self._reject(f"This process already has {self._max_streams} live streams, the maximum.")
            if self._by_key[key_id] >= self._max_per_key:
                self._reject(f"This key already has {self._max_per_key} live streams in this process, the maximum.")
            self._by_key[key_id] += 1
            OPEN.set(self.count)

    def release(self, key_id: str) -> None:
        """Release a slot of the key."""
        with self._lock:
            self._by_key[key_id] -= 1
            # Removes keys without a stream, so that the counter doesn't grow.
            self._by_key += Counter()
            OPEN.set(self.count)

    def _reject(self, detail: str) -> None:
        raise TooManyStreams(detail, retry_after_seconds=RETRY_AFTER_SECONDS)
