"""Decisions of requests with claims, one or several in one step of a store."""

from collections.abc import Sequence

from ratelimit import bucket
from ratelimit.bucket import Outcome, RecordStorage, TakeRequest
from ratelimit.claim import Undecided
from ratelimit.claim_arithmetic import ask
from ratelimit.counters import Counters, CounterStorage
from ratelimit.limit import CostExceedsBurst

BatchResult = Outcome | CostExceedsBurst | Undecided


def take(records: RecordStorage, counters: CounterStorage, request: TakeRequest, now_ns: int) -> Outcome:
    """Decide one request: take its cost and all of its claims, or nothing.

    Raises CostExceedsBurst, TermsEnded or CountersMissing; then nothing is counted either.
    """
    key, limit, cost, epoch, slot, claims = request
    if not claims:
        return bucket.take(records, key, limit, cost, epoch, slot, now_ns)
    together = Counters(counters)
    outcome = _take_with_claims(records, together, request, now_ns)
    together.write()
    return outcome


def take_many(
    records: RecordStorage, counters: CounterStorage, requests: Sequence[TakeRequest], now_ns: int
) -> list[BatchResult]:
    """Decide several requests like `take`, one after the other at the same moment.

    A counter that several of them share is read and written once. The results are in the order of `requests`:
    outcomes, or the errors because of which there is none.
    """
    results: list[BatchResult] = []
    together: Counters | None = None
    for request in requests:
        key, limit, cost, epoch, slot, claims = request
        try:
            if not claims:
                results.append(bucket.take(records, key, limit, cost, epoch, slot, now_ns))
                continue
            if together is None:
                together = Counters(counters)
            results.append(_take_with_claims(records, together, request, now_ns))
        except (CostExceedsBurst, Undecided) as error:
            results.append(error)
    if together is not None:
        together.write()
    return results


def _take_with_claims(records: RecordStorage, counters: Counters, request: TakeRequest, now_ns: int) -> Outcome:
    key, limit, cost, epoch, slot, claims = request
    try:
        answer = ask(counters, claims, now_ns)
    except Undecided:
        # A newer epoch goes first: the claims of the newest record may be others.
        newest = bucket.epoch_of(records, key)
        if newest > epoch:
            return False, 0, 0, newest, ()
        raise
    if answer.refused:
        outcome = bucket.throttle(records, key, limit, cost, epoch, slot, now_ns, answer.exceeded)
    else:
        outcome = bucket.take(records, key, limit, cost, epoch, slot, now_ns)
    allowed, debt, wait_ns, newest, _ = outcome
    if newest > epoch:
        return outcome
    if not allowed:
        return False, debt, wait_ns, epoch, answer.states_without()
    counters.change(answer.changes)
    return True, debt, 0, epoch, tuple(answer.states)
