"""Limits of a key or an owner, with what is used of each now, as JSON. Nothing is taken, counted or written."""

from collections.abc import Sequence
from typing import Final

from django.utils import timezone

from apikeys.models import APIKey, Owner
from apikeys.policies.effective import EffectiveLimit
from apikeys.policies.limit_uses import LimitUse, read_uses, use_of_bucket
from apikeys.policies.lookup import limits_of_stored_key, limits_of_stored_owner
from latchkey.timestamps import from_ns, rfc3339
from ratelimit.bucket import peek
from ratelimit.claim import FOREVER_S
from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.limiter import Limiter, default_limiter
from ratelimit.plan_limit import PlanLimit
from ratelimit.stores import BucketStoreError

KEY: Final = "key"
"""Name of a key's own rate limit among its limits."""


def key_limits(key: APIKey) -> list[dict[str, object]]:
    """Return the limits of the key: its own rate limit, if it has one, and those of its plan and its owner's plan.

    Raises BucketStoreError.
    """
    limiter, limits = default_limiter(), limits_of_stored_key(key, timezone.now())
    own = [] if key.limit is None else [_own_state(key, key.limit, limiter)]
    return own + _states(limits, limiter)


def key_limits_if_readable(key: APIKey) -> list[dict[str, object]]:
    """Return the limits like `key_limits`; if the bucket store is down, without what is used of them."""
    try:
        return key_limits(key)
    except BucketStoreError:
        now = timezone.now()
        limits = [limit.stated(int(now.timestamp())) for limit in limits_of_stored_key(key, now)]
        own = [] if key.limit is None else [PlanLimit(KEY, rate=key.limit)]
        return [_unread(limit) for limit in own + limits]


def owner_limits(owner: Owner) -> list[dict[str, object]]:
    """Return the limits that the keys of the owner share. Raises BucketStoreError."""
    return _states(limits_of_stored_owner(owner, timezone.now()), default_limiter())


def _own_state(key: APIKey, limit: Limit, limiter: Limiter) -> dict[str, object]:
    record, now_ns = limiter.store.peek(key.key_id.encode()), limiter.store.now_ns()
    _, debt, *_ = peek(record, limit, now_ns)
    used, reset_seconds = use_of_bucket(limit, debt)
    return _json(PlanLimit(KEY, rate=limit), limit.burst, used, _full_at(now_ns, reset_seconds))


def _states(limits: Sequence[EffectiveLimit], limiter: Limiter) -> list[dict[str, object]]:
    if not limits:
        return []
    now_ns = limiter.store.now_ns()
    return [_shown(use, now_ns) for use in read_uses(limits, limiter, now_ns // NS_PER_SECOND)]


def _shown(use: LimitUse, now_ns: int) -> dict[str, object]:
    if use.term.limit is not None:
        return _json(use.limit.limit, use.term.amount, use.used, _full_at(now_ns, use.reset_seconds))
    ends = None if not 0 < use.ends_s < FOREVER_S else rfc3339(from_ns(use.ends_s * NS_PER_SECOND))
    return _json(use.limit.limit, use.term.amount, use.used, ends)


def _full_at(now_ns: int, reset_seconds: int) -> str | None:
    return rfc3339(from_ns(now_ns + reset_seconds * NS_PER_SECOND)) if reset_seconds else None


def _unread(limit: PlanLimit) -> dict[str, object]:
    """Return a limit of which only the amount is known."""
    amount = limit.rate.burst if limit.rate else limit.quota.quota if limit.quota else limit.concurrency or 0
    return _json(limit, amount, None, None)


def _json(limit: PlanLimit, amount: int, used: int | None, resets_at: str | None) -> dict[str, object]:
    return {
        "name": limit.name,
        "unit": limit.unit,
        "mode": limit.mode.value,
        "shared": limit.shared.value,
        "limit": amount,
        "used": used,
        "remaining": None if used is None else max(0, amount - used),
        "resets_at": resets_at,
    }
