"""Grants: what a host allows of quotas while it can't reach the store that all hosts share. Pure functions.

A host knows what the database knew of a quota when the outage began, and what it has allowed itself since. It allows
what is left by both, and at most a SHARE of the quota. Each host keeps its grants in a counter of their own, so that
they can be charged to the shared store later. It's as exact over the processes of the host as every counter.
"""

from collections.abc import Sequence
from typing import Final

from ratelimit import batch
from ratelimit.bucket import Outcome, TakeRequest
from ratelimit.claim import Claim, Term
from ratelimit.claim_arithmetic import current_term, open_period
from ratelimit.counters import QuotaCounter, pack_quota
from ratelimit.reservations import Step

GRANT_PREFIX: Final = b"g:"
SHARE: Final = 100
"""A host grants at most the quota divided by this, rounded down."""


class GrantsUsedUp(Exception):
    """Error: this host has granted its share of a quota. Nothing was taken or counted."""


def is_quota(claim: Claim) -> bool:
    """Return whether the claim is on a quota."""
    return claim.terms[0].ends_s > 0


def measured_claims(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """Return the claims that have a state in the outcome of `take`: all but quotas that only observe."""
    return tuple(claim for claim in claims if claim.enforced or not is_quota(claim))


def name_of(counter: bytes) -> bytes:
    """Return the name of the grants of a quota with this counter."""
    return GRANT_PREFIX + counter


def take(step: Step, request: TakeRequest) -> Outcome:
    """Decide a request like `batch.take`, within this host's share of its quotas, and note what is granted of them.

    What is used of a quota that only observes is not known, but its grants are noted. Raises GrantsUsedUp, and what
    `batch.take` raises.
    """
    *numbers, claims = request
    asked = measured_claims(claims)
    outcome = batch.take(step.records, step.storage, (*numbers, asked), step.now_ns)  # type: ignore[arg-type]
    if outcome[0]:
        for claim in filter(is_quota, claims):
            _grant(step, claim)
    return outcome


def _grant(step: Step, claim: Claim) -> None:
    term = claim.terms[current_term(claim.terms, step.now_s)]
    definition, ends_s, granted, *earlier = _counter(step, claim, term)
    after = granted + claim.cost
    share = term.quota // SHARE
    # As of a quota, a cost of 0 is granted while anything is left.
    if claim.enforced and (after > share or (not claim.cost and granted == share)):
        raise GrantsUsedUp
    if claim.cost:
        step.storage.put(name_of(claim.counter), pack_quota(definition, ends_s, after, *earlier))


def _counter(step: Step, claim: Claim, term: Term) -> QuotaCounter:
    raw = step.storage.get(name_of(claim.counter))
    known = open_period(raw, claim.definition, term.ends_s, step.now_s)
    return known or (claim.definition, term.ends_s, 0, 0, 0, 0)
