"""What a store answers, by name."""

from ratelimit.bucket import Outcome
from ratelimit.claim import ClaimState


def states_of(outcome: Outcome) -> list[ClaimState]:
    return [ClaimState._make(state) for state in outcome[4]]
