"""Claims of requests that this host decides itself, because the store that all hosts share could not be reached."""

from collections.abc import Sequence

from ratelimit.bucket import Outcome
from ratelimit.claim import UNMEASURED, Claim
from ratelimit.stores.base import BucketStoreUnavailable
from ratelimit.unit_counters import is_unit_claim


def local_claims(claims: tuple[Claim, ...], url: str) -> tuple[Claim, ...]:
    """Return the claims that this host can decide for the store at `url`: those on rates, and those that count usage.

    A host doesn't know what is used of a quota. If one is enforced, this raises BucketStoreUnavailable. If one is only
    observed, the claim is dropped: the quota counts too little, but refuses nothing.
    """
    if any(claim.enforced and _is_quota(claim) for claim in claims):
        raise BucketStoreUnavailable(f"{url} does not respond, and only it knows what is used of a quota")
    return tuple(claim for claim in claims if not _is_quota(claim))


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


def _is_quota(claim: Claim) -> bool:
    return any(term.limit is None and not term.counts_usage for term in claim.terms)
