"""Claims of requests that this host decides itself, because the store that all hosts share could not be reached."""

from collections.abc import Sequence

from ratelimit.bucket import Outcome
from ratelimit.claim import UNMEASURED, Claim
from ratelimit.quota_grants import is_quota
from ratelimit.unit_counters import is_unit_claim


def has_quota(claims: Sequence[Claim]) -> bool:
    """Return whether one of the claims is on a quota, of which this host grants a share."""
    return any(map(is_quota, claims))


def usage_claims(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
    """Return the claims that count usage by unit, and limit nothing."""
    return tuple(claim for claim in claims if is_unit_claim(claim))


def with_unmeasured(outcome: Outcome, claims: Sequence[Claim], measured: Sequence[Claim]) -> Outcome:
    """Return the outcome of `measured`, a part of `claims`, with a state for each of `claims`."""
    allowed, debt, wait_ns, epoch, states = outcome
    if len(states) != len(measured):
        # Nothing was decided, because the epoch is newer.
        return outcome
    known = {claim.counter: state for claim, state in zip(measured, states, strict=True)}
    return allowed, debt, wait_ns, epoch, tuple(known.get(claim.counter, UNMEASURED) for claim in claims)
