"""States of a plan's limits after a decision, in the units that people and HTTP headers use."""

from typing import Final

from latchkey.limit_state import LimitState
from ratelimit.claim import FOREVER_S, Claim, ClaimState, Term
from ratelimit.decision import Decision
from ratelimit.limit import Limit
from ratelimit.periods import Per
from ratelimit.plan_limit import PlanLimit

# A month has no fixed length, and a policy in a header should not change from month to month.
_SECONDS_OF: Final[dict[Per, int | None]] = {
    Per.HOUR: 3600,
    Per.DAY: 86_400,
    Per.WEEK: 604_800,
    Per.MONTH: 2_592_000,
    Per.ONCE: None,
}


def unclaimed(limit: PlanLimit) -> LimitState:
    """Return the state of a limit that the request did not claim, so that only the limit itself is known."""
    if limit.rate is not None:
        return _of_rate(limit, limit.rate)
    if limit.quota is None:
        raise ValueError("only a reservation holds a slot")
    return _of_quota(limit, limit.quota.quota)


def claimed(limit: PlanLimit, claim: Claim, state: ClaimState, now_s: float) -> LimitState:
    """Return the state of a claimed limit. `now_s` is the current time in seconds since the Unix epoch."""
    term: Term = claim.terms[state.term]
    if term.limit is not None:
        bucket = Decision(term.limit, not state.refused, state.value, state.wait_ns, 0)
        return _of_rate(limit, term.limit, bucket)
    # Slots have no period: they are free when their reservations end.
    reset = None if term.counts_slots or state.ends_s >= FOREVER_S else max(0, state.ends_s - int(now_s))
    return _of_quota(limit, term.quota, max(0, term.quota - state.value), reset)


def states_of(decision: Decision) -> list[LimitState]:
    """Return the states of all limits of the key's plan: those of the claims, and then the others."""
    shown = decision.shown
    if shown is None:
        return []
    states = [
        claimed(limit, claim, state, decision.now_s)
        for limit, claim, state in zip(shown.claimed, decision.claims, decision.states, strict=True)
    ]
    return states + [unclaimed(limit) for limit in shown.others]


def _of_rate(limit: PlanLimit, rate: Limit, bucket: Decision | None = None) -> LimitState:
    known = (bucket.remaining, bucket.next_token_seconds, bucket.reset_seconds) if bucket else (None, None, None)
    return LimitState(limit.name, limit.unit, limit.mode.value, rate.burst, rate.per_seconds, *known)


def _of_quota(limit: PlanLimit, amount: int, remaining: int | None = None, reset: int | None = None) -> LimitState:
    per_seconds = _SECONDS_OF[limit.quota.per] if limit.quota is not None else None
    return LimitState(limit.name, limit.unit, limit.mode.value, amount, per_seconds, remaining, reset, reset)
