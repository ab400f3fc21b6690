"""Limits of a key or an owner, with what is used of each now, as JSON. Nothing is taken, counted or written."""

from collections.abc import Sequence
from typing import Final

from django.utils import timezone

from apikeys.models import APIKey, Owner, QuotaUse
from apikeys.policies.effective import EffectiveLimit
from apikeys.policies.lookup import limits_of_stored_key, limits_of_stored_owner
from latchkey.timestamps import from_ns, rfc3339
from ratelimit.bucket import peek
from ratelimit.claim import FOREVER_S, Claim, ClaimState, CountersMissing, Undecided
from ratelimit.decision import Decision
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
    return _of_rate(PlanLimit(KEY, rate=limit), limit, debt, now_ns)


def _states(limits: Sequence[EffectiveLimit], limiter: Limiter) -> list[dict[str, object]]:
    if not limits:
        return []
    now_ns = limiter.store.now_ns()
    claims = [limit.claim(0, now_ns // NS_PER_SECOND) for limit in limits]
    states = limiter.peek_claims(claims)
    rows = _rows_of([claim for claim, state in zip(claims, states, strict=True) if isinstance(state, CountersMissing)])
    return [
        _shown(limit.limit, claim, _decided(claim, state, rows.get(claim.counter), now_ns), now_ns)
        for limit, claim, state in zip(limits, claims, states, strict=True)
    ]


def _rows_of(claims: Sequence[Claim]) -> dict[bytes, QuotaUse]:
    """Return what the database has of these claims' quotas, by their counters."""
    if not claims:
        return {}
    rows = QuotaUse.objects.filter(counter__in=[claim.counter.decode() for claim in claims])
    return {row.counter.encode(): row for row in rows}


def _decided(claim: Claim, state: ClaimState | Undecided, row: QuotaUse | None, now_ns: int) -> ClaimState:
    """Return the state of a claim. If the store has no counter of a quota, the database may know what is used."""
    if isinstance(state, ClaimState):
        return state
    if not isinstance(state, CountersMissing):
        # All terms end within the microseconds since the store was asked for its time: its clock was set ahead.
        raise BucketStoreError(f"the limits can't be read: {state}")
    if row is None or row.definition != claim.definition or row.ends_s * NS_PER_SECOND <= now_ns:
        return ClaimState(0, False, 0, 0, claim.terms[0].ends_s)
    return ClaimState(0, False, row.used, 0, row.ends_s)


def _shown(limit: PlanLimit, claim: Claim, state: ClaimState, now_ns: int) -> dict[str, object]:
    term = claim.terms[state.term]
    if term.limit is not None:
        return _of_rate(limit, term.limit, state.value, now_ns)
    # Slots have no end: they are free when their reservations end.
    ends = None if not 0 < state.ends_s < FOREVER_S else rfc3339(from_ns(state.ends_s * NS_PER_SECOND))
    return _json(limit, term.quota, state.value, ends)


def _of_rate(limit: PlanLimit, rate: Limit, debt: int, now_ns: int) -> dict[str, object]:
    bucket = Decision(rate, True, debt, 0, 0)
    full = rfc3339(from_ns(now_ns + bucket.reset_seconds * NS_PER_SECOND)) if debt else None
    return _json(limit, rate.burst, rate.burst - bucket.remaining, full)


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
