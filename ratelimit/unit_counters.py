"""Counters of usage by unit: what a key was charged in one unit, and what was given back. Pure functions over records.

Both totals only ever grow, so the background worker reads them with high-water marks. After TOTALS they begin again at
0, and the difference to a mark is taken modulo TOTALS, as that of two serial numbers (RFC 1982). Each change belongs to
a quarter of an hour, the one in which the request was decided, because periods of quotas begin at quarters in every
time zone. A record has PLACES pairs of totals, and a quarter uses the place of its number modulo PLACES. So for as long
as a reservation is open, what it is given back is counted in the quarter in which it was charged.
"""

from collections.abc import Mapping
from struct import Struct
from typing import Final, NamedTuple

from latchkey.limit_state import REQUESTS
from ratelimit.claim import FOREVER_S, Claim, Term

UNIT_PREFIX: Final = b"u:"
QUARTER_SECONDS: Final = 900
PLACES: Final = 6
"""An hour, the longest time to live of a reservation, touches five quarters."""

TOTALS: Final = 1 << 60
"""How many values a total can have: the sums of all places in the database still have 63 bits.

A total that is ahead of its mark by half of them or more counts as one that went back. So at most 2^59 units of a place
are counted between two passes of the background worker: 576 requests of the largest cost.
"""

_HEAD: Final = Struct("<Q")
_PLACE: Final = Struct("<QQQ")
UNITS_SIZE: Final = _HEAD.size + PLACES * _PLACE.size
EMPTY: Final = bytes(UNITS_SIZE)
_TERMS: Final = (Term(FOREVER_S, None),)


class Place(NamedTuple):
    """Totals of one place. `at_s` is the last time of use in its latest quarter, in seconds since the Unix epoch.

    It's never after the time at which the place last changed.
    """

    at_s: int
    charged: int
    returned: int


class UnitCounter(NamedTuple):
    """A counter as a store has it. `changed_s` is when it last changed, in seconds since the Unix epoch."""

    changed_s: int
    places: tuple[Place, ...]


UNUSED: Final = UnitCounter(0, (Place(0, 0, 0),) * PLACES)


def claims_on_units(key_id: bytes, costs: Mapping[str, int]) -> tuple[Claim, ...]:
    """Return the claims by which a request's costs in units other than requests are counted. They refuse nothing."""
    units = [unit for unit in costs if unit != REQUESTS]
    return tuple([Claim(name_of(key_id, unit), 0, costs[unit], False, _TERMS) for unit in units])


def is_unit_claim(claim: Claim) -> bool:
    """Return whether the claim only counts usage."""
    return claim.counter.startswith(UNIT_PREFIX)


def name_of(key_id: bytes, unit: str) -> bytes:
    """Return the name of a key's counter."""
    return b"%b%b:%b" % (UNIT_PREFIX, key_id, unit.encode())


def parse_name(counter: bytes) -> tuple[str, str]:
    """Return the key ID and the unit of a counter."""
    key_id, _, unit = counter.removeprefix(UNIT_PREFIX).rpartition(b":")
    return key_id.decode(), unit.decode()


def added(raw: bytes | None, at_s: int, charged: int, returned: int, now_s: int) -> bytes:
    """Return the record after `charged` and `returned` units, which belong to the quarter of `at_s`."""
    if raw is None or len(raw) != UNITS_SIZE:
        raw = EMPTY
    begin = _HEAD.size + at_s // QUARTER_SECONDS % PLACES * _PLACE.size
    end = begin + _PLACE.size
    known_s, known_charged, known_returned = _PLACE.unpack_from(raw, begin)
    # A later quarter may have the place by now. And a clock that was ahead must not keep usage in the future.
    place = _PLACE.pack(
        min(max(known_s, at_s), now_s),
        (known_charged + charged) % TOTALS,
        (known_returned + returned) % TOTALS,
    )
    changed_s = _HEAD.pack(max(*_HEAD.unpack_from(raw), now_s))
    return b"".join((changed_s, raw[_HEAD.size : begin], place, raw[end:]))


def load(raw: bytes | None) -> UnitCounter:
    """Return the counter that a record encodes; UNUSED if there is none, or if it is damaged."""
    if raw is None or len(raw) != UNITS_SIZE:
        return UNUSED
    (changed_s,) = _HEAD.unpack_from(raw)
    counter = UnitCounter(changed_s, tuple(map(Place._make, _PLACE.iter_unpack(raw[_HEAD.size :]))))
    is_sound = changed_s <= FOREVER_S and all(
        place.at_s <= FOREVER_S and max(place.charged, place.returned) < TOTALS for place in counter.places
    )
    return counter if is_sound else UNUSED


def is_plausible(raw: bytes) -> bool:
    """Return whether a store can have written this record."""
    return raw == EMPTY or load(raw) is not UNUSED
