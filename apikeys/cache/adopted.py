"""Adopted records: those that another process has read, and when they end in this one."""

from typing import Final

from apikeys.cache.rereads import REREAD_AFTER_SECONDS

_INTERVAL_SECONDS: Final = 10.0


class Adopted:
    """The keys whose records were adopted, by when these were read, to within 10 seconds.

    They aren't read again: that is up to the process that has read them. They are dropped instead, and the next request
    finds what that process has read since.
    """

    def __init__(self) -> None:
        self._key_ids: dict[int, set[str]] = {}

    def add(self, key_id: str, read_at: float) -> None:
        """Add a key whose record was read at this time."""
        self._key_ids.setdefault(_interval(read_at), set()).add(key_id)

    def discard(self, key_id: str, read_at: float) -> None:
        """Forget the key, if its record was adopted."""
        self._key_ids.get(_interval(read_at), set()).discard(key_id)

    def clear(self) -> None:
        """Forget all keys."""
        self._key_ids.clear()

    def pop_ended(self, now: float) -> list[str]:
        """Return and forget the keys whose records may have been read REREAD_AFTER_SECONDS ago."""
        ended = [found for found in self._key_ids if found * _INTERVAL_SECONDS <= now - REREAD_AFTER_SECONDS]
        return [key_id for found in ended for key_id in self._key_ids.pop(found)]


def _interval(read_at: float) -> int:
    return int(read_at // _INTERVAL_SECONDS)
