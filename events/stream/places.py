"""How many live streams a process holds open at once, over all and for one key."""

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
    """No place is free: the process holds MAX_STREAMS streams, or MAX_STREAMS_PER_KEY of this key."""

    slug = "unavailable"


class Places:
    """Counts open streams. Threads share one."""

    def __init__(self, *, most: int = MAX_STREAMS, most_per_key: int = MAX_STREAMS_PER_KEY) -> None:
        self._most = most
        self._most_per_key = most_per_key
        self._lock = Lock()
        self._by_key: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """How many are taken now."""
        return self._by_key.total()

    def take(self, key_id: str) -> None:
        """Takes a place for the key, to be given back by `free`. Raises TooManyStreams."""
        with self._lock:
            if self.taken >= self._most:
                self._refuse(f"This process holds {self._most} live streams and opens no more.")
            if self._by_key[key_id] >= self._most_per_key:
                self._refuse(f"This key has {self._most_per_key} live streams open in this process and gets no more.")
            self._by_key[key_id] += 1
            OPEN.set(self.taken)

    def free(self, key_id: str) -> None:
        """Gives a place of the key back."""
        with self._lock:
            self._by_key[key_id] -= 1
            self._by_key += Counter()  # forgets keys without a place
            OPEN.set(self.taken)

    def _refuse(self, detail: str) -> None:
        raise TooManyStreams(detail, retry_after_seconds=RETRY_AFTER_SECONDS)
