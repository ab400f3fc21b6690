"""Rereads: which records are so old that they are read again, in case a key was changed without an event."""

from itertools import islice, takewhile
from typing import Final

REREAD_AFTER_SECONDS: Final = 600.0
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
        """Return up to BATCH keys that were read REREAD_AFTER_SECONDS ago or earlier, those that were read first."""
        first = islice(self._read_at.items(), BATCH)
        return [key_id for key_id, _ in takewhile(lambda read: now - read[1] >= REREAD_AFTER_SECONDS, first)]
