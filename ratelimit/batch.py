"""Decisions of several requests in one step of a store."""

from collections.abc import Sequence

from ratelimit import bucket
from ratelimit.bucket import Outcome, RecordStorage, TakeRequest
from ratelimit.claim import Undecided
from ratelimit.limit import CostExceedsBurst

BatchResult = Outcome | CostExceedsBurst | Undecided


def take_many(records: RecordStorage, requests: Sequence[TakeRequest], now_ns: int) -> list[BatchResult]:
    """Decide several requests, one after the other at the same moment.

    The results are in the order of `requests`: outcomes, or the errors because of which there is none.
    """
    results: list[BatchResult] = []
    for key, limit, cost, epoch, slot, _ in requests:
        try:
            results.append(bucket.take(records, key, limit, cost, epoch, slot, now_ns))
        except CostExceedsBurst as error:
            results.append(error)
    return results
