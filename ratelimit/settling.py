"""Arithmetic of settling: how the difference between a reservation's estimate and the actual cost changes one counter.

Pure functions. A bucket is changed under the limit under which it was last used, because a token is a token under
each: the next take converts the debt if the limit has changed since.
"""

from typing import NamedTuple

from ratelimit.claim import MAX_USED
from ratelimit.counters import load_quota, load_rate, pack_quota, pack_rate
from ratelimit.limit import Limit
from ratelimit.reservation import OVERDRAWN_BUCKETS
from ratelimit.reservation_record import Entry, Result, limit_of
from ratelimit.slots import held, load_slots, pack_slots
from ratelimit.unit_counters import added

Bucket = tuple[int, int, int]
"""(limit_code, tat_ns, fraction) of a bucket; the limit's code is 0 if it was never used."""


class Settled(NamedTuple):
    """The new record of a counter whose entry was settled, None if it stays as it is, and the result."""

    record: bytes | None
    result: Result


def shift_bucket(
    bucket: Bucket, limit_code: int, cost: int, reserved: int, now_ns: int, full_buckets: int
) -> tuple[Bucket, Result]:
    """Add the difference between `cost` and `reserved` tokens to a bucket's debt, from 0 to so many full buckets.

    A bucket that was never used, or is damaged, is full under the limit with `limit_code`.
    """
    known_code, tat_ns, fraction = bucket
    limit = _limit_of(known_code)
    if limit is None:
        limit, tat_ns, fraction = limit_of(limit_code), 0, 0
    bound = full_buckets * limit.capacity
    before = min(max((tat_ns - now_ns) * limit.ticks + fraction, 0), bound)
    after = min(max(before + (cost - reserved) * limit.price, 0), bound)
    before_ns, before_fraction = divmod(before, limit.ticks)
    after_ns, after_fraction = divmod(after, limit.ticks)
    result = Result(True, cost, before_ns, before_fraction, after_ns, after_fraction, limit.code)
    return (limit.code, now_ns + after_ns, after_fraction), result


def settle_rate(raw: bytes | None, entry: Entry, cost: int, now_ns: int) -> Settled:
    """Settle what was reserved of a plan's rate. A counter that counts something else by now stays as it is."""
    counter = load_rate(raw)
    if raw is not None and (counter is None or counter[0] != entry.definition):
        return Settled(None, unsettled(cost))
    bucket: Bucket = (0, 0, 0) if counter is None else counter[1:]
    (code, tat_ns, fraction), result = shift_bucket(
        bucket, entry.limit_code, cost, entry.reserved, now_ns, OVERDRAWN_BUCKETS
    )
    return Settled(pack_rate(entry.definition, code, tat_ns, fraction), result)


def settle_quota(raw: bytes | None, entry: Entry, cost: int) -> Settled:
    """Settle what was reserved of a quota, in the period in which it was reserved and in no other.

    Of two values for the same period the larger one counts, unless one has a higher revision. So a return of what was
    reserved raises the revision: otherwise the database would give the larger value back.
    """
    counter = load_quota(raw)
    if counter is None or counter[0] != entry.definition:
        return Settled(None, unsettled(cost))
    definition, ends_s, used, revision, previous_ends_s, previous_used = counter
    if entry.ends_s == ends_s:
        before, after = used, _within_quota(used + cost - entry.reserved)
        record = pack_quota(definition, ends_s, after, revision + (after < before), previous_ends_s, previous_used)
    elif entry.ends_s == previous_ends_s:
        before, after = previous_used, _within_quota(previous_used + cost - entry.reserved)
        record = pack_quota(definition, ends_s, used, revision, previous_ends_s, after)
    else:
        return Settled(None, unsettled(cost))
    return Settled(record, Result(True, cost, before, 0, after, 0, 0))


def settle_units(raw: bytes | None, entry: Entry, cost: int, now_s: int) -> Settled:
    """Count what is charged in addition to an estimate or given back of it, in the quarter of the estimate."""
    more, less = max(0, cost - entry.reserved), max(0, entry.reserved - cost)
    record = added(raw, entry.ends_s, more, less, now_s) if more or less else None
    return Settled(record, Result(True, cost, 0, 0, more, 0, 0))


def free_slot(raw: bytes | None, entry: Entry, slot: bytes, now_s: int) -> Settled:
    """End the slot of a reservation."""
    slots = held(load_slots(raw, entry.definition), now_s)
    before = len(slots)
    if slots.pop(slot, None) is None:
        return Settled(None, Result(False, entry.reserved, before, 0, before, 0, 0))
    return Settled(pack_slots(entry.definition, slots), Result(True, entry.reserved, before, 0, len(slots), 0, 0))


def unsettled(cost: int) -> Result:
    """Return the result for a counter that no longer knows what was reserved."""
    return Result(False, cost, 0, 0, 0, 0, 0)


def _within_quota(used: int) -> int:
    return min(max(used, 0), MAX_USED)


def _limit_of(code: int) -> Limit | None:
    try:
        return limit_of(code) if code else None
    except ValueError:
        return None
