"""Rereads: which records are so old that they are read again, in case a key was changed without an event."""

from itertools import islice, takewhile
from typing import Final

REREAD_AFTER_SECONDS: Final = 600.0
# Once a second. So the records of a full cache, 50,000, take 500 seconds.
BATCH: Final = 100


class Rereads:
    """Cached keys in the order in which they were read, with the time of the read."""

    def __init__(self) -> None:
        self._read_at: dict[str, float] = {}

    def add(self, key_id: str, read_at: float) -> None:
        """Record that the key was read."""
        self._read_at.pop(key_id, None)
        self._read_at[key_id] = read_at

    def discard(self, key_id: str) -> None:
        """Forget the key, which is no longer cached."""
        self._read_at.pop(key_id, None)

    def clear(self) -> None:
        """Forget all keys."""
        self._read_at.clear()

    def due(self, now: float) -> list[str]:
        """Return up to BATCH keys, those that were read first.

        If it is called once a second, each key is returned by REREAD_AFTER_SECONDS after its read.
        """
        # All keys may have been read at the same time. Begin so early that the last one is still in time.
        min_age = REREAD_AFTER_SECONDS - len(self._read_at) / BATCH
        first = islice(self._read_at.items(), BATCH)
        return [key_id for key_id, _ in takewhile(lambda read: now - read[1] >= min_age, first)]
