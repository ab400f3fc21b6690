"""Counters of plans: their records in a bucket store, and which of them are read and written in one step of it."""

from struct import Struct
from typing import Any, Final, Protocol

from ratelimit.claim import FOREVER_S, MAX_USED
from ratelimit.limit import Limit

RateCounter = tuple[int, int, int, int]
"""(definition, limit_code, tat_ns, fraction): a bucket, as in the record of a key."""

QuotaCounter = tuple[int, int, int, int, int, int]
"""(definition, ends_s, used, revision, previous_ends_s, previous_used): the open period and the one before it."""

Counter = RateCounter | QuotaCounter

MAX_DEFINITION: Final = (1 << 48) - 1
_MAX_INTEGER: Final = (1 << 63) - 1
_RATE: Final = Struct("<QQQI")
_QUOTA: Final = Struct("<QQQQQQ")
_RATE_SIZE: Final = _RATE.size
_QUOTA_SIZE: Final = _QUOTA.size
_pack_rate, _unpack_rate = _RATE.pack, _RATE.unpack
_pack_quota, _unpack_quota = _QUOTA.pack, _QUOTA.unpack


class CounterStorage(Protocol):
    """Storage for counters in one step: a dictionary, or a transaction of a store."""

    def get(self, name: bytes, default: None = None, /) -> Any:
        """Return the bytes stored under `name`, or None if there are none."""

    def put(self, name: bytes, value: bytes, /) -> Any:
        """Replace the bytes stored under `name`."""


def load(raw: bytes) -> Counter | None:
    """Return the counter that a record encodes; None if the record is damaged."""
    if len(raw) == _QUOTA_SIZE:
        quota = _unpack_quota(raw)
        _, ends_s, used, revision, previous_ends_s, previous_used = quota
        if (
            used <= MAX_USED
            and ends_s <= FOREVER_S
            and previous_used <= MAX_USED
            and previous_ends_s <= FOREVER_S
            and revision <= _MAX_INTEGER
        ):
            return quota
    elif len(raw) == _RATE_SIZE:
        rate = _unpack_rate(raw)
        if rate[2] <= _MAX_INTEGER:
            return rate
    return None


def dump(counter: Counter) -> bytes:
    """Return the counter's record, ready to store."""
    return _pack_quota(*counter) if len(counter) == 6 else _pack_rate(*counter)


def is_plausible(raw: bytes) -> bool:
    """Return whether a store can have written this record of a counter."""
    counter = load(raw)
    if counter is None or counter[0] > MAX_DEFINITION:
        return False
    if len(counter) == 6:
        return True
    _, limit_code, _, fraction = counter
    try:
        return fraction < Limit.from_code(limit_code).ticks
    except ValueError:
        return False


class Counters:
    """The counters of one step of a store: each is read once, however many requests share it, and written once.

    `known` are those that were read, with their changes. A damaged counter counts as none.
    """

    __slots__ = ("_changed", "_storage", "known")

    def __init__(self, storage: CounterStorage) -> None:
        self._storage = storage
        self._changed: dict[bytes, Counter] = {}
        self.known: dict[bytes, Counter] = {}

    def read(self, name: bytes) -> Counter | None:
        """Return the counter; None if there is none."""
        counter = self.known.get(name)
        if counter is None:
            raw = self._storage.get(name)
            if raw is not None and (counter := load(raw)) is not None:
                self.known[name] = counter
        return counter

    def change(self, changes: dict[bytes, Counter]) -> None:
        """Replace counters. They are stored by `write`."""
        self.known.update(changes)
        self._changed.update(changes)

    def write(self) -> None:
        """Store the counters that were changed."""
        put = self._storage.put
        for name, counter in self._changed.items():
            put(name, _pack_quota(*counter) if len(counter) == 6 else _pack_rate(*counter))
