"""Debts: what a host's own buckets granted in an outage, charged to the store that all hosts share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ratelimit.bucket import Record, debt_under
from ratelimit.limit import Limit
from ratelimit.stores.base import KEY_PREFIX
from ratelimit.stores.lmdb import LmdbStore

if TYPE_CHECKING:
    from ratelimit.stores.redis.store import RedisStore

_IN_USE_NS: Final = 1_000_000_000


def charge(local: LmdbStore, primary: "RedisStore", go_on: Callable[[], bool]) -> bool:
    """Charges to `primary` what the buckets of `local` lack, and fills them, while `go_on` says so; whether that was
    all. A bucket by which some process still decides keeps its debt, or that would be another full bucket. What fails
    in between was charged to nobody: a gift, and never a double charge. Raises BucketStoreError.
    """
    complete, in_use_since_ns = True, local.now_ns() - _IN_USE_NS
    for key, seen in local.usage(KEY_PREFIX):
        if not seen.tat_ns:
            continue
        if seen.used_ns >= in_use_since_ns or not go_on():
            complete = False
            continue
        _charge(primary, key, local.drain(key), local.now_ns())
    return complete


def _charge(primary: "RedisStore", key: bytes, drained: Record, now_ns: int) -> None:
    """Charges what a bucket lacked, in whole tokens, rounded up."""
    try:
        limit = Limit.from_code(drained.limit_code)
    except ValueError:
        return  # no limit was noted, or the record is damaged
    debt = debt_under(limit, drained.tat_ns, drained.fraction, drained.limit_code, now_ns)
    if debt:
        primary.shift_debt(key, limit, min(-(-debt // limit.price), limit.burst))
