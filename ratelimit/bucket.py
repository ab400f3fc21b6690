"""The token bucket in one number: functions of a stored record and of the time, which know no server and no clock.

This is the generic cell rate algorithm (GCRA, ITU-T I.371): a bucket is its theoretical arrival time (TAT), the moment
at which it will be full again. What it lacks until then is its debt. Spending moves the TAT on by a token's price;
a request passes where the debt stays within a full bucket's worth.

Time is in nanoseconds and debt in ticks (see `Limit`), in which all quantities are whole numbers: the arithmetic is
exact, and a bucket admits what burst + elapsed x burst / per_seconds allows, to the token.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Any, Final, NamedTuple, Protocol

from ratelimit.limit import MAX_BURST, MAX_PER_SECONDS, NS_PER_SECOND, Limit

Outcome = tuple[bool, int, int, int]
"""(allowed, debt, wait_ns, epoch): see `ratelimit.decision.Decision`, which is made of it. A plain tuple, because a
store makes one for every request."""

Asked = tuple[bytes, Limit | None, int, int, int]
"""(key, limit, cost, epoch, slot): what `take` is asked."""

MOST_EPOCH: Final = (1 << 30) - 1
"""The newest epoch that a record can have: no key changes a billion times. One beyond it was damaged, or written by a
stranger, and stands for none, or the key's record in the database could never become as new.
"""

_LAYOUT: Final = Struct("<QQQQQQII")
_pack = _LAYOUT.pack
_unpack = _LAYOUT.unpack


class CostExceedsBurst(ValueError):
    """A request asks for more tokens than its bucket can ever hold, so no wait would help."""

    def __init__(self, cost: int, limit: Limit) -> None:
        super().__init__(f"cost {cost} is more than the bucket's burst of {limit.burst}")


class Record(NamedTuple):
    """What a store keeps of a key, in 56 bytes.

    The bucket is `tat_ns` and `fraction`, the ticks (0 to ticks - 1) by which the TAT lies beyond that nanosecond,
    under the limit of which `limit_code` is the code (0: none yet). `allowed` and `throttled` count requests and only
    ever grow. `used_ns_0` and `used_ns_1` tell when the secret in that slot was last used (0: never).
    """

    tat_ns: int = 0
    limit_code: int = 0
    allowed: int = 0
    throttled: int = 0
    used_ns_0: int = 0
    used_ns_1: int = 0
    fraction: int = 0
    epoch: int = 0

    @classmethod
    def load(cls, raw: bytes) -> "Record":
        """The fields of a stored record."""
        record = cls._make(_unpack(raw))
        return record if record.epoch <= MOST_EPOCH else record._replace(epoch=0)

    def dump(self) -> bytes:
        """The bytes to store."""
        return _pack(*self)

    def used_ns_of(self, slot: int) -> int:
        """When the secret in `slot` was last used; 0 for never."""
        return self.used_ns_1 if slot else self.used_ns_0

    @property
    def used_ns(self) -> int:
        """When any secret of the key was last used; 0 for never."""
        return max(self.used_ns_0, self.used_ns_1)


EMPTY: Final = Record().dump()
_MOST_NUMBER: Final = (1 << 63) - 1  # what a column of the database holds


def is_plausible(raw: bytes) -> bool:
    """Return whether a store can have written this record: it can be read, its limit is one, and no number is larger
    than what the database has a place for.
    """
    if len(raw) != _LAYOUT.size:
        return False
    tat_ns, limit_code, allowed, throttled, used_ns_0, used_ns_1, fraction, epoch = _unpack(raw)
    return bool(
        max(tat_ns, allowed, throttled, used_ns_0, used_ns_1) <= _MOST_NUMBER
        and epoch < 1 << 31
        and (limit_code == 0 or (0 < limit_code >> 32 <= MAX_BURST and 0 < limit_code & 0xFFFF_FFFF <= MAX_PER_SECONDS))
        and (fraction < max(limit_code >> 32, 1))
    )


class Cells(Protocol):
    """Where records lie while one request is decided: a dictionary, or a transaction of a store."""

    def get(self, key: bytes, default: bytes, /) -> Any:
        """The bytes under `key`."""

    def put(self, key: bytes, value: bytes, /) -> Any:
        """Replaces the bytes under `key`."""


def take(cells: Cells, key: bytes, limit: Limit | None, cost: int, epoch: int, slot: int, now_ns: int) -> Outcome:
    """One request that asks for `cost` tokens (1 to burst) with the secret in `slot`: all are taken, or none.

    The key's record is read from `cells` once and written once, also after a denial. `epoch` is the key's as the caller
    knows it: where the record's is newer, the caller's limit or secret may be of yesterday, so nothing is decided,
    counted or written and the outcome tells the newer epoch. A TAT further ahead than a full bucket, as a clock that
    stepped back leaves it, is drawn in, so that no wait is longer than `per_seconds`. Raises CostExceedsBurst.
    """
    tat_ns, limit_code, allowed, throttled, used_ns_0, used_ns_1, fraction, known_epoch = _unpack(cells.get(key, EMPTY))
    if epoch < known_epoch <= MOST_EPOCH:
        return False, 0, 0, known_epoch
    if slot:
        used_ns_1 = now_ns
    else:
        used_ns_0 = now_ns
    if limit is None:
        cells.put(key, _pack(tat_ns, limit_code, allowed + 1, throttled, used_ns_0, used_ns_1, fraction, epoch))
        return True, 0, 0, epoch
    # With one tick a nanosecond, as most limits have it, a multiplication and a division of large numbers fall away.
    ticks = limit.ticks
    capacity = limit.capacity
    if limit_code == limit.code:
        debt = tat_ns - now_ns if ticks == 1 else (tat_ns - now_ns) * ticks + fraction
        if debt < 0:
            debt = 0
        elif debt > capacity:
            debt = capacity
            tat_ns, fraction = now_ns + limit.per_seconds * NS_PER_SECOND, 0
    else:
        limit_code, debt = limit.code, debt_under(limit, tat_ns, fraction, limit_code, now_ns)
        ahead_ns, fraction = divmod(debt, ticks)
        tat_ns = now_ns + ahead_ns
    after = debt + cost * limit.price
    if after > capacity:
        if cost > limit.burst:
            raise CostExceedsBurst(cost, limit)
        cells.put(key, _pack(tat_ns, limit_code, allowed, throttled + 1, used_ns_0, used_ns_1, fraction, epoch))
        return False, debt, after - capacity if ticks == 1 else -((capacity - after) // ticks), epoch
    if ticks == 1:
        tat_ns = now_ns + after
    else:
        ahead_ns, fraction = divmod(after, ticks)
        tat_ns = now_ns + ahead_ns
    cells.put(key, _pack(tat_ns, limit_code, allowed + 1, throttled, used_ns_0, used_ns_1, fraction, epoch))
    return True, after, 0, epoch


def take_many(cells: Cells, asked: Sequence[Asked], now_ns: int) -> list[Outcome | CostExceedsBurst]:
    """`take` for each, one after the other at the same moment; a cost that no wait would help is its own outcome."""
    outcomes: list[Outcome | CostExceedsBurst] = []
    for key, limit, cost, epoch, slot in asked:
        try:
            outcomes.append(take(cells, key, limit, cost, epoch, slot, now_ns))
        except CostExceedsBurst as refusal:
            outcomes.append(refusal)
    return outcomes


def debt_under(limit: Limit, tat_ns: int, fraction: int, limit_code: int, now_ns: int) -> int:
    """The debt in ticks of `limit` of a bucket that was last used under the limit of `limit_code`.

    What was spent stays spent, up to a full bucket, and a change gives no free refill: 10 of 60 spent leaves 50 of
    60, 110 of 120, and nothing of 10. Tokens convert by the ratio of their prices, rounded up by less than a tick.
    """
    if limit_code == 0:
        return 0
    try:
        old = limit if limit_code == limit.code else Limit.from_code(limit_code)
    except ValueError:
        return 0  # a damaged record; what was spent under it is not known
    debt = min(max((tat_ns - now_ns) * old.ticks + fraction, 0), old.capacity)
    return min(-(-debt * limit.price // old.price), limit.capacity)


def peek(record: Record, limit: Limit | None, now_ns: int) -> Outcome:
    """What `take` would find for one token, with nothing taken and nothing counted."""
    if limit is None:
        return True, 0, 0, record.epoch
    debt = debt_under(limit, record.tat_ns, record.fraction, record.limit_code, now_ns)
    lacking = debt + limit.price - limit.capacity
    return lacking <= 0, debt, max(0, -(-lacking // limit.ticks)), record.epoch
