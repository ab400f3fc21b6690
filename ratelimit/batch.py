"""Decisions of requests with claims, one or several in one step of a store."""

from collections.abc import Sequence

from ratelimit import bucket
from ratelimit.bucket import Outcome, RecordStorage, TakeRequest
from ratelimit.claim import CostExceedsClaim, Undecided
from ratelimit.claim_arithmetic import ask, states_without
from ratelimit.counters import CounterStorage, GetCounter
from ratelimit.limit import CostExceedsBurst
from ratelimit.slots import Holder
from ratelimit.usual_claims import NO_CHANGES, Changes, allowed_as_usual, states_before

BatchResult = Outcome | CostExceedsBurst | Undecided


def take(records: RecordStorage, counters: CounterStorage, request: TakeRequest, now_ns: int) -> Outcome:
    """Decide one request: take its cost and all of its claims, or nothing.

    Raises CostExceedsBurst, TermsEnded or CountersMissing; then nothing is counted either.
    """
    key, limit, cost, epoch, slot, claims = request
    if not claims:
        return bucket.take(records, key, limit, cost, epoch, slot, now_ns)
    outcome, changed = take_with_claims(records, counters.get, request, now_ns)
    _write(counters, changed)
    return outcome


def take_many(
    records: RecordStorage, counters: CounterStorage, requests: Sequence[TakeRequest], now_ns: int
) -> list[BatchResult]:
    """Decide several requests like `take`, one after the other at the same moment.

    A counter that keys share is written once. The results are in the order of `requests`: outcomes, or the errors
    because of which there is none.
    """
    results: list[BatchResult] = []
    # Not yet stored. Usually they are empty, because no claim is on a shared counter.
    changes: dict[bytes, bytes] = {}
    for request in requests:
        key, limit, cost, epoch, slot, claims = request
        try:
            if not claims:
                results.append(bucket.take(records, key, limit, cost, epoch, slot, now_ns))
                continue
            outcome, changed = take_with_claims(records, counters.get, request, now_ns, changes=changes)
            results.append(outcome)
            if changes or claims[-1].is_shared:
                changes.update(changed)
            else:
                _write(counters, changed)
        except (CostExceedsBurst, Undecided) as error:
            results.append(error)
    _write(counters, changes)
    return results


def take_with_claims(
    records: RecordStorage,
    get: GetCounter,
    request: TakeRequest,
    now_ns: int,
    holder: Holder | None = None,
    changes: Changes = NO_CHANGES,
) -> tuple[Outcome, Changes]:
    """Decide a request with claims, for a reservation if there is a `holder`. Return its outcome, and the new records
    of its counters.

    `changes` are those of earlier requests that aren't stored yet.
    """
    key, limit, cost, epoch, slot, claims = request
    usual = allowed_as_usual(get, claims, now_ns, changes) if holder is None else None
    if usual is None:
        return _take_carefully(records, _changed_get(get, changes), request, now_ns, holder)
    states, changed = usual
    outcome = bucket.take(records, key, limit, cost, epoch, slot, now_ns)
    allowed, debt, wait_ns, newest, _ = outcome
    if allowed:
        return (True, debt, 0, epoch, states), changed
    if newest > epoch:
        return outcome, NO_CHANGES
    return (False, debt, wait_ns, epoch, states_before(claims, states)), NO_CHANGES


def _take_carefully(
    records: RecordStorage, get: GetCounter, request: TakeRequest, now_ns: int, holder: Holder | None
) -> tuple[Outcome, Changes]:
    key, limit, cost, epoch, slot, claims = request
    try:
        states, values, changed, refused = ask(get, claims, now_ns, holder)
    except Undecided:
        # A newer epoch goes first: the claims of the newest record may be others.
        newest = bucket.epoch_of(records, key)
        if newest > epoch:
            return (False, 0, 0, newest, ()), NO_CHANGES
        raise
    if refused:
        exceeded = refused if isinstance(refused, CostExceedsClaim) else None
        outcome = bucket.throttle(records, key, limit, cost, epoch, slot, now_ns, exceeded)
    else:
        outcome = bucket.take(records, key, limit, cost, epoch, slot, now_ns)
    allowed, debt, wait_ns, newest, _ = outcome
    if allowed:
        return (True, debt, 0, epoch, tuple(states)), dict(changed)
    if newest > epoch:
        return outcome, NO_CHANGES
    return (False, debt, wait_ns, epoch, states_without(states, values)), NO_CHANGES


def _changed_get(get: GetCounter, changes: Changes) -> GetCounter:
    """Return a function that returns what `get` returns after `changes`."""
    return (lambda name: changes.get(name) or get(name)) if changes else get


def _write(counters: CounterStorage, changes: Changes) -> None:
    put = counters.put
    for name, record in changes.items():
        put(name, record)
