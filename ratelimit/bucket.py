"""Token-bucket arithmetic: pure functions of a stored record and a time, with no access to a server or a clock.

The algorithm is the generic cell rate algorithm (GCRA, ITU-T I.371). A bucket is stored as its theoretical arrival
time (TAT): the moment at which it will be full again. The bucket's debt is what it lacks until then. Spending a
token moves the TAT forward by the token's price. A request is allowed if the debt stays within a full bucket's
worth.

Times are in nanoseconds and debts in ticks (see `Limit`). All quantities are whole numbers, so the arithmetic is
exact: a bucket allows burst + elapsed x burst / per_seconds tokens, without rounding errors.
"""

from struct import Struct
from typing import Any, Final, NamedTuple, Protocol

from ratelimit.claim import Claim, StateTuple
from ratelimit.limit import MAX_BURST, MAX_PER_SECONDS, NS_PER_SECOND, CostExceedsBurst, Limit

Outcome = tuple[bool, int, int, int, tuple[StateTuple, ...]]
"""(allowed, debt, wait_ns, epoch, measured): the fields of `ratelimit.decision.Decision`. A plain tuple is cheaper, and
a store creates one for every request.

`debt` and `wait_ns` are those of the key's own limit. `measured` are the states of its claims, in their order.
"""

TakeRequest = tuple[bytes, Limit | None, int, int, int, tuple[Claim, ...]]
"""(key, limit, cost, epoch, slot, claims): the arguments of a store's `take` for one request."""

MAX_EPOCH: Final = (1 << 30) - 1
"""The highest epoch that a record can have. No key changes a billion times, so a higher one is damaged or was
written by another program. It counts as none: no record in the database could ever be as new.
"""

_LAYOUT: Final = Struct("<QQQQQQII")
_pack = _LAYOUT.pack
_unpack = _LAYOUT.unpack


class Record(NamedTuple):
    """A key's record in a bucket store, 56 bytes packed.

    The bucket consists of `tat_ns` and `fraction`, the ticks (0 to ticks - 1) by which the TAT lies beyond that
    nanosecond. `limit_code` is the code of the limit under which both were written (0: none yet). `allowed` and
    `throttled` count requests and only ever grow. `used_ns_0` and `used_ns_1` are the times of the last use of the
    secret in slot 0 and slot 1, in nanoseconds since the Unix epoch (0: never used). `epoch` is the version of the
    key's configuration.
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
        """Return the record that `raw` (56 bytes) encodes. Raises struct.error if `raw` has another length."""
        record = cls._make(_unpack(raw))
        # A damaged epoch counts as none. Otherwise it would be newer than any that the database can issue, and
        # every cached record of the key would be treated as stale permanently.
        return record if record.epoch <= MAX_EPOCH else record._replace(epoch=0)

    def dump(self) -> bytes:
        """Return the record as 56 bytes, ready to store."""
        return _pack(*self)

    def used_ns_of(self, slot: int) -> int:
        """Return when the secret in `slot` (0 or 1) was last used, in nanoseconds since the Unix epoch; 0 if never."""
        return self.used_ns_1 if slot else self.used_ns_0

    @property
    def used_ns(self) -> int:
        """Return when any secret of the key was last used, in nanoseconds since the Unix epoch; 0 if never."""
        return max(self.used_ns_0, self.used_ns_1)


EMPTY: Final = Record().dump()
# Counters and times are copied to the database, whose integer columns have 64 bits with a sign.
_MAX_INTEGER: Final = (1 << 63) - 1


def is_plausible(raw: bytes) -> bool:
    """Return whether a store can have written this record.

    A record is plausible if it has the right length, its limit is valid and none of its numbers exceeds what a
    database column can hold.
    """
    if len(raw) != _LAYOUT.size:
        return False
    tat_ns, limit_code, allowed, throttled, used_ns_0, used_ns_1, fraction, epoch = _unpack(raw)
    return bool(
        max(tat_ns, allowed, throttled, used_ns_0, used_ns_1) <= _MAX_INTEGER
        and epoch < 1 << 31
        and (limit_code == 0 or (0 < limit_code >> 32 <= MAX_BURST and 0 < limit_code & 0xFFFF_FFFF <= MAX_PER_SECONDS))
        and (fraction < max(limit_code >> 32, 1))
    )


class RecordStorage(Protocol):
    """Storage for records while one request is decided: a dictionary, or a transaction of a store."""

    def get(self, key: bytes, default: bytes, /) -> Any:
        """Return the bytes stored under `key`, or `default` if there are none."""

    def put(self, key: bytes, value: bytes, /) -> Any:
        """Replace the bytes stored under `key`."""


def take(
    records: RecordStorage, key: bytes, limit: Limit | None, cost: int, epoch: int, slot: int, now_ns: int
) -> Outcome:
    """Decide one request for `cost` tokens (1 to burst) with the secret in `slot`: take all of them or none.

    `limit` is None for an unlimited key. `epoch` is the key's epoch as the caller knows it, and `now_ns` the time
    in nanoseconds since the Unix epoch. The key's record is read from `records` once and written once, also if the
    request is denied. If the record's epoch is newer than `epoch`, nothing is decided, counted or written, and the
    outcome carries the newer epoch. Raises CostExceedsBurst.
    """
    tat_ns, limit_code, allowed, throttled, used_ns_0, used_ns_1, fraction, stored_epoch = _unpack(
        records.get(key, EMPTY)
    )
    # The caller's limit or secret may be stale. It has to load the key again and retry with the newer epoch.
    if epoch < stored_epoch <= MAX_EPOCH:
        return False, 0, 0, stored_epoch, ()
    if slot:
        used_ns_1 = now_ns
    else:
        used_ns_0 = now_ns
    if limit is None:
        records.put(key, _pack(tat_ns, limit_code, allowed + 1, throttled, used_ns_0, used_ns_1, fraction, epoch))
        return True, 0, 0, epoch, ()
    # Most limits have one tick per nanosecond. That case skips a multiplication and a division of large numbers.
    ticks = limit.ticks
    capacity = limit.capacity
    if limit_code == limit.code:
        debt = tat_ns - now_ns if ticks == 1 else (tat_ns - now_ns) * ticks + fraction
        if debt < 0:
            debt = 0
        elif debt > capacity:
            # The TAT lies further ahead than a full bucket because the clock was set back. Cap the debt, so that
            # no wait is longer than `per_seconds`.
            debt = capacity
            tat_ns, fraction = now_ns + limit.per_seconds * NS_PER_SECOND, 0
    else:
        limit_code, debt = limit.code, convert_debt(limit, tat_ns, fraction, limit_code, now_ns)
        ahead_ns, fraction = divmod(debt, ticks)
        tat_ns = now_ns + ahead_ns
    new_debt = debt + cost * limit.price
    if new_debt > capacity:
        # This is checked only for a request that would be denied, which keeps the check off the path of allowed
        # requests.
        if cost > limit.burst:
            raise CostExceedsBurst(cost, limit)
        records.put(key, _pack(tat_ns, limit_code, allowed, throttled + 1, used_ns_0, used_ns_1, fraction, epoch))
        return False, debt, new_debt - capacity if ticks == 1 else -((capacity - new_debt) // ticks), epoch, ()
    if ticks == 1:
        tat_ns = now_ns + new_debt
    else:
        ahead_ns, fraction = divmod(new_debt, ticks)
        tat_ns = now_ns + ahead_ns
    records.put(key, _pack(tat_ns, limit_code, allowed + 1, throttled, used_ns_0, used_ns_1, fraction, epoch))
    return True, new_debt, 0, epoch, ()


def throttle(
    records: RecordStorage,
    key: bytes,
    limit: Limit | None,
    cost: int,
    epoch: int,
    slot: int,
    now_ns: int,
    exceeded: CostExceedsBurst | None = None,
) -> Outcome:
    """Deny one request that another limit than the key's refuses, and count it, without taking tokens.

    The arguments, and the outcome for an outdated `epoch`, are those of `take`. `exceeded` is raised if the request
    could never be allowed, unless its cost exceeds the key's own burst: that error goes first.
    """
    tat_ns, limit_code, allowed, throttled, used_ns_0, used_ns_1, fraction, stored_epoch = _unpack(
        records.get(key, EMPTY)
    )
    if epoch < stored_epoch <= MAX_EPOCH:
        return False, 0, 0, stored_epoch, ()
    debt = wait_ns = 0
    if limit is not None:
        debt = convert_debt(limit, tat_ns, fraction, limit_code, now_ns)
        wait_ns = max(0, -((limit.capacity - debt - cost * limit.price) // limit.ticks))
        if wait_ns and cost > limit.burst:
            raise CostExceedsBurst(cost, limit)
        # Otherwise the bucket stays as it is: a TAT in the past means a full bucket, also if the clock is set back.
        if limit_code != limit.code or debt == limit.capacity:
            ahead_ns, fraction = divmod(debt, limit.ticks)
            limit_code, tat_ns = limit.code, now_ns + ahead_ns
    if exceeded is not None:
        raise exceeded
    if slot:
        used_ns_1 = now_ns
    else:
        used_ns_0 = now_ns
    records.put(key, _pack(tat_ns, limit_code, allowed, throttled + 1, used_ns_0, used_ns_1, fraction, epoch))
    return False, debt, wait_ns, epoch, ()


def epoch_of(records: RecordStorage, key: bytes) -> int:
    """Return the epoch of the key's record; 0 if there is none, or if it is damaged."""
    return Record.load(records.get(key, EMPTY)).epoch


def convert_debt(limit: Limit, tat_ns: int, fraction: int, limit_code: int, now_ns: int, full_buckets: int = 1) -> int:
    """Return the debt, in ticks of `limit`, of a bucket that was last used under the limit with `limit_code`.

    Spent tokens stay spent, up to `full_buckets`, and a change of the limit gives no free refill: 10 of 60 spent
    leaves 50 of 60, 110 of 120, and nothing of 10. Tokens are converted by the ratio of their prices. The result
    is rounded up by less than one tick.
    """
    if limit_code == 0:
        return 0
    try:
        old = limit if limit_code == limit.code else Limit.from_code(limit_code)
    except ValueError:
        # The record is damaged, so what was spent under its limit is unknown.
        return 0
    debt = min(max((tat_ns - now_ns) * old.ticks + fraction, 0), full_buckets * old.capacity)
    return min(-(-debt * limit.price // old.price), full_buckets * limit.capacity)


def peek(record: Record, limit: Limit | None, now_ns: int) -> Outcome:
    """Return the outcome that `take` would have for one token, without taking or counting anything."""
    if limit is None:
        return True, 0, 0, record.epoch, ()
    debt = convert_debt(limit, record.tat_ns, record.fraction, record.limit_code, now_ns)
    lacking = debt + limit.price - limit.capacity
    return lacking <= 0, debt, max(0, -(-lacking // limit.ticks)), record.epoch, ()
