"""Reconciliation after an outage: charges what a host's local buckets granted to the store that all hosts share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ratelimit.bucket import Record, convert_debt
from ratelimit.limit import Limit
from ratelimit.stores.base import KEY_PREFIX
from ratelimit.stores.lmdb import LmdbStore

if TYPE_CHECKING:
    from ratelimit.stores.redis.store import RedisStore

_IN_USE_NS: Final = 1_000_000_000


def charge_primary(local: LmdbStore, primary: "RedisStore", should_continue: Callable[[], bool]) -> bool:
    """Move the debt of the buckets of `local` to `primary`, as long as `should_continue` returns true. Return whether
    all was moved.

    Each local bucket is filled and its debt is charged to the primary. Raises BucketStoreError.
    """
    complete, in_use_since_ns = True, local.now_ns() - _IN_USE_NS
    for key, seen in local.scan_records(KEY_PREFIX):
        if not seen.tat_ns:
            continue
        # Another process may still decide by this bucket. Filling it now would grant another full bucket.
        if seen.used_ns >= in_use_since_ns or not should_continue():
            complete = False
            continue
        # Drain first, then charge. If the process dies in between, the debt is lost in the client's favor and
        # never charged twice.
        _charge_bucket(primary, key, local.refill(key), local.now_ns())
    return complete


def _charge_bucket(primary: "RedisStore", key: bytes, drained: Record, now_ns: int) -> None:
    """Charge the debt of the drained bucket to the primary, in whole tokens, rounded up, at most one burst."""
    try:
        limit = Limit.from_code(drained.limit_code)
    except ValueError:
        # The bucket has no limit yet, or the record is damaged.
        return
    debt = convert_debt(limit, drained.tat_ns, drained.fraction, drained.limit_code, now_ns)
    if debt:
        primary.shift_debt(key, limit, min(-(-debt // limit.price), limit.burst))
