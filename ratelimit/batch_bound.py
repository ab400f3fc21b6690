"""Bound of a batch: how many claims one step of a store decides, so that others don't wait long for the store."""

from collections.abc import Sequence
from typing import Final

from ratelimit.bucket import TakeRequest
from ratelimit.claim import MAX_CLAIMS
from ratelimit.costs import MAX_UNITS

MAX_BATCH_CLAIMS: Final = 128
"""Redis is held for less than 2 ms by a batch of 64 requests with this many claims."""
FEW_REQUESTS: Final = MAX_BATCH_CLAIMS // (MAX_CLAIMS + MAX_UNITS)
"""So many have at most as many claims."""


def bounded_batches(requests: Sequence[TakeRequest]) -> list[Sequence[TakeRequest]]:
    """Return the requests in batches of at most MAX_BATCH_CLAIMS claims, in their order. None is empty."""
    # Nearly always there is one: few requests, or keys with few limits.
    if len(requests) <= FEW_REQUESTS or sum([len(request[5]) for request in requests]) <= MAX_BATCH_CLAIMS:
        return [requests]
    batches, first, claims = [], 0, 0
    for position, request in enumerate(requests):
        claims += len(request[5])
        if claims > MAX_BATCH_CLAIMS:
            batches.append(requests[first:position])
            first, claims = position, len(request[5])
    return [*batches, requests[first:]]
