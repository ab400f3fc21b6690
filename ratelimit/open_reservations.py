"""How many reservations of a key are open: a count by the minute in which they expire. Pure functions.

So the reservations that expire drop out of the count without being looked at, at the end of that minute. A record has
as many entries as the longest time to live has minutes.
"""

from struct import Struct
from typing import Final

OPEN_PREFIX: Final = b"n:"
_ENTRY: Final = Struct("<II")
ENTRY_BYTES: Final = _ENTRY.size
_MINUTE: Final = 60


def record_name(key_id: bytes) -> bytes:
    """Return the name of the record that counts a key's open reservations."""
    return OPEN_PREFIX + key_id


def count(raw: bytes | None, now_s: int) -> int:
    """Return how many reservations are open at `now_s`, from their record; a damaged record counts as none."""
    return sum(_load(raw, now_s).values())


def changed(raw: bytes | None, now_s: int, *, opened: int = 0, ended: int = 0) -> bytes:
    """Return the record after a reservation that expires at `opened` was made, and after one that would have expired
    at `ended` has ended. Both are in seconds since the Unix epoch; 0 stands for none.
    """
    counts = _load(raw, now_s)
    if opened:
        counts[opened // _MINUTE] = counts.get(opened // _MINUTE, 0) + 1
    if ended and ended // _MINUTE in counts:
        counts[ended // _MINUTE] -= 1
    return b"".join([_ENTRY.pack(minute, number) for minute, number in counts.items() if number > 0])


def is_plausible(raw: bytes) -> bool:
    """Return whether a store can have written this record."""
    return len(raw) % ENTRY_BYTES == 0


def _load(raw: bytes | None, now_s: int) -> dict[int, int]:
    if raw is None or not is_plausible(raw):
        return {}
    return {minute: number for minute, number in _ENTRY.iter_unpack(raw) if (minute + 1) * _MINUTE > now_s}
