"""Slots of a limit of concurrency: which reservations hold them, and until when. Pure functions.

A slot is the id of its reservation and an end. It counts only before its end by the store's clock, so no one has to
free the slots of a caller that died.
"""

from collections.abc import Mapping
from struct import Struct
from typing import Final, NamedTuple

MAX_SLOTS: Final = 1_000
"""How many slots a counter can have. If a limit only observes, more than these aren't counted."""

_DEFINITION: Final = Struct("<Q")
# The id of the reservation, and the slot's end.
_SLOT: Final = Struct("<22sQ")


class Holder(NamedTuple):
    """The reservation that asks for slots: its id of 22 bytes, and its end in seconds since the Unix epoch."""

    slot: bytes
    ends_s: int


def load_slots(raw: bytes | None, definition: int) -> bytes:
    """Return the slots in a counter's record; none if there is no record, or one with another definition."""
    if raw is None or not is_plausible(raw) or _DEFINITION.unpack_from(raw)[0] != definition:
        return b""
    return raw[_DEFINITION.size :]


def is_plausible(raw: bytes) -> bool:
    """Return whether a store can have written this record of a counter of slots."""
    return len(raw) % _SLOT.size == _DEFINITION.size


def is_unused(raw: bytes, since_s: int) -> bool:
    """Return whether a record is one of slots, and none of them was held at `since_s` or later."""
    return is_plausible(raw) and not held(raw[_DEFINITION.size :], since_s - 1)


def held(slots: bytes, now_s: int) -> dict[bytes, int]:
    """Return the ends of the slots that are held at `now_s`, by the ids of their reservations."""
    return {slot: ends_s for slot, ends_s in _SLOT.iter_unpack(slots) if ends_s > now_s}


def pack_slots(definition: int, slots: Mapping[bytes, int]) -> bytes:
    """Return the record of a counter with these slots."""
    return _DEFINITION.pack(definition) + b"".join([_SLOT.pack(slot, ends_s) for slot, ends_s in slots.items()])


def free_at(slots: Mapping[bytes, int], allowed: int) -> int:
    """Return when one of `allowed` slots is free at the latest, in seconds since the Unix epoch, if more are held."""
    return sorted(slots.values())[len(slots) - max(allowed, 1)]
