"""Reconciliation after an outage: charges what a host's local buckets granted to the store that all hosts share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ratelimit.bucket import Record, convert_debt
from ratelimit.claim import KEY_COUNTER_PREFIX, OWNER_PREFIX
from ratelimit.counters import RateCounter, load_quota, load_rate
from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.quota_grants import GRANT_PREFIX
from ratelimit.stores.base import KEY_PREFIX
from ratelimit.stores.lmdb import LmdbStore

if TYPE_CHECKING:
    from ratelimit.stores.redis.store import RedisStore

_IN_USE_NS: Final = 1_000_000_000


def charge_primary(local: LmdbStore, primary: "RedisStore", should_continue: Callable[[], bool]) -> bool:
    """Move the debt of the buckets of `local` to `primary`, as long as `should_continue` returns true. Return whether
    all was moved.

    Each local bucket is filled and its debt is charged to the primary, those of plans' rates too. Raises
    BucketStoreError.
    """
    complete, in_use_since_ns = True, local.now_ns() - _IN_USE_NS
    in_use = False
    for key, seen in local.scan_records(KEY_PREFIX):
        # Another process may still decide by this bucket. Filling it now would grant another full bucket.
        if seen.used_ns >= in_use_since_ns:
            in_use = True
        if not seen.tat_ns:
            continue
        if seen.used_ns >= in_use_since_ns or not should_continue():
            complete = False
            continue
        # Drain first, then charge. If the process dies in between, the debt is lost in the client's favor and
        # never charged twice.
        _charge_bucket(primary, key, local.refill(key), local.now_ns())
    return _charge_counters(local, primary, should_continue, in_use=in_use) and complete


def _charge_counters(
    local: LmdbStore, primary: "RedisStore", should_continue: Callable[[], bool], *, in_use: bool
) -> bool:
    """Move the debt of the counters of plans' rates, and what was granted of quotas, like `charge_primary`."""
    names = [name for prefix in (KEY_COUNTER_PREFIX, OWNER_PREFIX) for name in local.counter_names(prefix)]
    for name in names:
        # A counter doesn't say when it was used, and several keys may share it. So wait until no key is in use.
        if in_use or not should_continue():
            return False
        # What this host knew of a quota is deleted too: it's old by the next outage.
        if (drained := load_rate(local.drain_counter(name))) is not None:
            _charge_counter(primary, name, drained, local.now_ns())
    return _charge_grants(local, primary, should_continue)


def _charge_grants(local: LmdbStore, primary: "RedisStore", should_continue: Callable[[], bool]) -> bool:
    """Charge what this host granted of quotas. Return whether all was charged.

    A quota that the primary has lost is charged once a request has made it known there again: it's then as the database
    knows it, without these grants.
    """
    names, complete = local.counter_names(GRANT_PREFIX), True
    counters = [name.removeprefix(GRANT_PREFIX) for name in names]
    for name, counter, known in zip(names, counters, primary.quota_uses(counters), strict=True):
        if not should_continue():
            return False
        if known is None and not _has_ended(local, name):
            complete = False
        elif (granted := load_quota(local.drain_counter(name))) is not None:
            definition, ends_s, units, *_ = granted
            primary.charge_quota(counter, definition, ends_s, units)
    return complete


def _has_ended(local: LmdbStore, name: bytes) -> bool:
    (use,) = local.quota_uses([name])
    return use is None or use.ends_s * NS_PER_SECOND <= local.now_ns()


def _charge_counter(primary: "RedisStore", name: bytes, drained: RateCounter, now_ns: int) -> None:
    definition, limit_code, tat_ns, fraction = drained
    if tokens := _tokens(limit_code, tat_ns, fraction, now_ns):
        primary.charge_rate(name, definition, Limit.from_code(limit_code), tokens)


def _charge_bucket(primary: "RedisStore", key: bytes, drained: Record, now_ns: int) -> None:
    if tokens := _tokens(drained.limit_code, drained.tat_ns, drained.fraction, now_ns):
        primary.shift_debt(key, Limit.from_code(drained.limit_code), tokens)


def _tokens(limit_code: int, tat_ns: int, fraction: int, now_ns: int) -> int:
    """Return the debt of a drained bucket in whole tokens, rounded up, at most one burst."""
    try:
        limit = Limit.from_code(limit_code)
    except ValueError:
        # The bucket has no limit yet, or the record is damaged.
        return 0
    debt = convert_debt(limit, tat_ns, fraction, limit_code, now_ns)
    return min(-(-debt // limit.price), limit.burst)
