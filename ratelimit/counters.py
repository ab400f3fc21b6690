"""Counters of plans: their records in a bucket store, and which of those are damaged."""

from collections.abc import Callable
from struct import Struct
from typing import Any, Final, Protocol

from ratelimit import slots
from ratelimit.claim import FOREVER_S, MAX_USED
from ratelimit.limit import Limit

GetCounter = Callable[[bytes], bytes | None]
"""Returns the record of a counter, or None if there is none."""

RateCounter = tuple[int, int, int, int]
"""(definition, limit_code, tat_ns, fraction): a bucket, as in the record of a key."""

QuotaCounter = tuple[int, int, int, int, int, int]
"""(definition, ends_s, used, revision, previous_ends_s, previous_used): the open period and the one before it."""

MAX_DEFINITION: Final = (1 << 48) - 1
_MAX_INTEGER: Final = (1 << 63) - 1
_RATE: Final = Struct("<QQQI")
_QUOTA: Final = Struct("<QQQQQQ")
RATE_SIZE: Final = _RATE.size
QUOTA_SIZE: Final = _QUOTA.size
pack_rate, unpack_rate = _RATE.pack, _RATE.unpack
pack_quota, unpack_quota = _QUOTA.pack, _QUOTA.unpack


class CounterStorage(Protocol):
    """Storage for counters in one step: a dictionary, or a transaction of a store."""

    def get(self, name: bytes, default: None = None, /) -> Any:
        """Return the bytes stored under `name`, or None if there are none."""

    def put(self, name: bytes, value: bytes, /) -> Any:
        """Replace the bytes stored under `name`."""


def dump_rate(definition: int, limit: Limit, debt: int, now_ns: int) -> bytes:
    """Return the record of a rate's counter that has this debt, in ticks of `limit`, at `now_ns`."""
    ahead_ns, fraction = divmod(debt, limit.ticks)
    return pack_rate(definition, limit.code, now_ns + ahead_ns, fraction)


def load_rate(raw: bytes | None) -> RateCounter | None:
    """Return the rate's counter that a record encodes; None if there is none, or if it is damaged."""
    if raw is None or len(raw) != RATE_SIZE:
        return None
    counter = unpack_rate(raw)
    return counter if counter[2] <= _MAX_INTEGER else None


def load_quota(raw: bytes | None) -> QuotaCounter | None:
    """Return the quota's counter that a record encodes; None if there is none, or if it is damaged."""
    if raw is None or len(raw) != QUOTA_SIZE:
        return None
    counter = unpack_quota(raw)
    _, ends_s, used, revision, previous_ends_s, previous_used = counter
    is_sound = (
        max(used, previous_used) <= MAX_USED and max(ends_s, previous_ends_s) <= FOREVER_S and revision <= _MAX_INTEGER
    )
    return counter if is_sound else None


def is_plausible(raw: bytes) -> bool:
    """Return whether a store can have written this record of a counter."""
    counter = load_quota(raw) or load_rate(raw)
    if counter is None:
        return slots.is_plausible(raw)
    if counter[0] > MAX_DEFINITION:
        return False
    if len(counter) == 6:
        return True
    _, limit_code, _, fraction = counter
    try:
        return fraction < Limit.from_code(limit_code).ticks
    except ValueError:
        return False
