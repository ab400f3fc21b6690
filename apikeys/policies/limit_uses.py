"""What is used of limits now, as the bucket store has it, or else the database. Nothing is taken or written."""

from collections.abc import Sequence
from typing import NamedTuple

from apikeys.models import QuotaUse
from apikeys.policies.effective import EffectiveLimit
from ratelimit.claim import Claim, ClaimState, Term, TermsEnded, Undecided
from ratelimit.decision import Decision
from ratelimit.limit import Limit
from ratelimit.limiter import Limiter
from ratelimit.stores import BucketStoreError


class LimitUse(NamedTuple):
    """What is used of a limit in `term`, which has the amount that applies; None if it can't be read.

    `ends_s` is when the period of a quota ends, in seconds since the Unix epoch, and `reset_seconds` how long a bucket
    takes to be full again; 0 if that doesn't apply.
    """

    limit: EffectiveLimit
    term: Term
    used: int | None
    ends_s: int = 0
    reset_seconds: int = 0


def read_uses(limits: Sequence[EffectiveLimit], limiter: Limiter, now_s: int) -> list[LimitUse]:
    """Return the uses of the limits, in their order. Raises BucketStoreError."""
    if not limits:
        return []
    claims = [limit.claim(0, now_s) for limit in limits]
    states = limiter.peek_claims(claims)
    ended = next((state for state in states if isinstance(state, TermsEnded)), None)
    if ended is not None:
        # The store's clock is ahead of that of the caller.
        now_s = ended.now_s
        claims = [limit.claim(0, now_s) for limit in limits]
        states = limiter.peek_claims(claims)
        if any(isinstance(state, TermsEnded) for state in states):
            raise BucketStoreError("the limits can't be read, because the store's clock was set ahead")
    return _uses(limits, claims, states, now_s)


def uses_in_database(limits: Sequence[EffectiveLimit], now_s: int) -> list[LimitUse]:
    """Return the uses of the limits without the bucket store: only those of quotas are known."""
    claims = [limit.claim(0, now_s) for limit in limits]
    return _uses(limits, claims, [None] * len(claims), now_s)


def use_of_bucket(limit: Limit, debt: int) -> tuple[int, int]:
    """Return how many tokens a bucket lacks, and how many seconds it takes to be full again."""
    bucket = Decision(limit, True, debt, 0, 0)
    return limit.burst - bucket.remaining, bucket.reset_seconds


def _uses(
    limits: Sequence[EffectiveLimit],
    claims: Sequence[Claim],
    states: Sequence[ClaimState | Undecided | None],
    now_s: int,
) -> list[LimitUse]:
    asked = list(zip(limits, claims, states, strict=True))
    unknown = [
        claim.counter.decode()
        for _, claim, state in asked
        if not isinstance(state, ClaimState) and claim.terms[0].ends_s
    ]
    found = QuotaUse.objects.filter(counter__in=unknown) if unknown else ()
    rows = {row.counter.encode(): row for row in found}
    return [
        _use(limit, claim, state)
        if isinstance(state, ClaimState)
        else _unread(limit, claim, rows.get(claim.counter), now_s)
        for limit, claim, state in asked
    ]


def _use(limit: EffectiveLimit, claim: Claim, state: ClaimState) -> LimitUse:
    term = claim.terms[state.term]
    if term.limit is None:
        # Slots have no end: they are free when their reservations end.
        return LimitUse(limit, term, state.value, state.ends_s)
    used, reset_seconds = use_of_bucket(term.limit, state.value)
    return LimitUse(limit, term, used, reset_seconds=reset_seconds)


def _unread(limit: EffectiveLimit, claim: Claim, row: QuotaUse | None, now_s: int) -> LimitUse:
    """Return the use of a limit whose counter the store doesn't have."""
    term = claim.terms[0]
    if not term.ends_s:
        return LimitUse(limit, term, None)
    if row is None or row.definition != claim.definition or row.ends_s <= now_s:
        return LimitUse(limit, term, 0, term.ends_s)
    return LimitUse(limit, term, row.used, row.ends_s)
