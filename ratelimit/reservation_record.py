"""Encoding of a reservation in a bucket store. Every store uses the same one.

A record is its status, when it expires, who made it, the names of its counters, and for each counter what was reserved
and in which period. Settling adds when that was, and for each counter what it cost and the values before and after.
"""

from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from struct import Struct, error
from typing import Final, NamedTuple

from ratelimit.claim import FOREVER_S
from ratelimit.limit import Limit
from ratelimit.reservation import KEPT_SECONDS, Charge, Settlement

_HEAD: Final = Struct("<BQ")
_ENTRY: Final = Struct("<BQQQQ")
_SETTLED: Final = Struct("<Q")
_RESULT: Final = Struct("<BQQIQIQ")


@lru_cache(maxsize=1024)
def limit_of(code: int) -> Limit:
    """Return the limit that `code` encodes. Raises ValueError if there is none."""
    return Limit.from_code(code)


class Status(IntEnum):
    """Whether a reservation is open; an open one may have expired."""

    OPEN = 0
    SETTLED = 1
    CANCELLED = 2


class Kind(IntEnum):
    """What a counter of a reservation is: the bucket of the limit `key`, the counter of a plan's limit, or usage."""

    KEY = 0
    RATE = 1
    QUOTA = 2
    SLOTS = 3
    UNITS = 4


class Entry(NamedTuple):
    """What a reservation took of one counter: `reserved` units.

    `limit_code` is the code of the limit under which a bucket was used. `ends_s` is the end of the quota's period, or
    when usage by unit was counted.
    """

    counter: bytes
    kind: int
    definition: int
    limit_code: int
    ends_s: int
    reserved: int


class Result(NamedTuple):
    """What settling did with one counter, which had the value `before` and has `after` since.

    A debt is in nanoseconds, and in ticks (the fraction) of the limit with `limit_code`. If `corrects` is false, the
    counter no longer knows what was reserved.
    """

    corrects: bool
    cost: int
    before: int
    before_fraction: int
    after: int
    after_fraction: int
    limit_code: int


class Reservation(NamedTuple):
    """A reservation as the store has it. `results` are those of `entries`, once it isn't open."""

    status: int
    expires_s: int
    caller: bytes
    entries: tuple[Entry, ...]
    settled_s: int = 0
    results: tuple[Result, ...] = ()

    @property
    def kept_until_s(self) -> int:
        """Return until when the reservation is known, in seconds since the Unix epoch."""
        # It can only be settled before it expires, so this is its later end.
        return self.expires_s + KEPT_SECONDS

    def settlement(self) -> Settlement:
        """Return how it was settled or cancelled."""
        charges = tuple(_charge(entry, result) for entry, result in zip(self.entries, self.results, strict=True))
        return Settlement(self.settled_s, charges)


def dump(reservation: Reservation) -> bytes:
    """Return the record of a reservation, ready to store."""
    status, expires_s, caller, entries, settled_s, results = reservation
    parts = [_HEAD.pack(status, expires_s), dump_names(caller, [entry.counter for entry in entries])]
    parts += [_ENTRY.pack(*entry[1:]) for entry in entries]
    if status != Status.OPEN:
        parts += [_SETTLED.pack(settled_s), *(_RESULT.pack(*result) for result in results)]
    return b"".join(parts)


def dump_names(caller: bytes, counters: Sequence[bytes]) -> bytes:
    """Return the part of a record that names the caller and the counters."""
    return b"%c%b%c" % (len(caller), caller, len(counters)) + b"".join([b"%c%b" % (len(one), one) for one in counters])


def dump_entry(entry: Entry) -> bytes:
    """Return the part of a record that says what was reserved of one counter."""
    return _ENTRY.pack(*entry[1:])


def load(raw: bytes | None) -> Reservation | None:
    """Return the reservation that a record encodes; None if there is none, or if it is damaged."""
    if raw is None:
        return None
    try:
        reservation = _parse(raw)
    except (error, IndexError, ValueError):
        return None
    return reservation if reservation.expires_s <= FOREVER_S else None


def is_plausible(raw: bytes) -> bool:
    """Return whether a store can have written this record."""
    return load(raw) is not None


def _parse(raw: bytes) -> Reservation:
    status, expires_s = _HEAD.unpack_from(raw)
    caller, at = _text(raw, _HEAD.size)
    names, at = [], at + 1
    for _ in range(raw[at - 1]):
        name, at = _text(raw, at)
        names.append(name)
    entries = []
    for name in names:
        entries.append(Entry(name, *_ENTRY.unpack_from(raw, at)))
        at += _ENTRY.size
    settled_s, results = 0, []
    if Status(status) is not Status.OPEN:
        (settled_s,) = _SETTLED.unpack_from(raw, at)
        at += _SETTLED.size
        for _ in names:
            corrects, *numbers = _RESULT.unpack_from(raw, at)
            results.append(Result(bool(corrects), *numbers))
            at += _RESULT.size
    reservation = Reservation(status, expires_s, caller, tuple(entries), settled_s, tuple(results))
    if at != len(raw):
        raise ValueError("the record has another length than its entries need")
    for entry in entries:
        Kind(entry.kind)
    # A damaged limit shows here, before anything is settled by it.
    for code in [entry.limit_code for entry in entries if entry.kind <= Kind.RATE] + [r.limit_code for r in results]:
        if code:
            limit_of(code)
    return reservation


def _text(raw: bytes, at: int) -> tuple[bytes, int]:
    end = at + 1 + raw[at]
    return raw[at + 1 : end], end


def _charge(entry: Entry, result: Result) -> Charge:
    counter, kind, _, known_code, ends_s, reserved = entry
    corrects, cost, before, before_fraction, after, after_fraction, limit_code = result
    code = limit_code or known_code
    limit = limit_of(code) if code else None
    more = max(0, cost - reserved)
    if kind == Kind.SLOTS or not corrects:
        return Charge(counter, reserved, cost, more, after, limit, ends_s, corrects)
    price = 1
    if limit is not None:
        price = limit.price
        before, after = before * limit.ticks + before_fraction, after * limit.ticks + after_fraction
    # Rounded up: nothing is forgiven only if the whole cost was charged.
    forgiven = -((after - before - more * price) // price) if more else 0
    return Charge(counter, reserved, cost, forgiven, after, limit, ends_s, corrects)
