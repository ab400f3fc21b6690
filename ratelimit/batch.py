"""Decisions of requests with claims, one or several in one step of a store."""

from collections.abc import Sequence

from ratelimit import bucket
from ratelimit.bucket import Outcome, RecordStorage, TakeRequest
from ratelimit.claim import CostExceedsClaim, Undecided
from ratelimit.claim_arithmetic import GetCounter, ask, states_without
from ratelimit.counters import CounterStorage
from ratelimit.limit import CostExceedsBurst
from ratelimit.slots import Holder

BatchResult = Outcome | CostExceedsBurst | Undecided


def take(records: RecordStorage, counters: CounterStorage, request: TakeRequest, now_ns: int) -> Outcome:
    """Decide one request: take its cost and all of its claims, or nothing.

    Raises CostExceedsBurst, TermsEnded or CountersMissing; then nothing is counted either.
    """
    key, limit, cost, epoch, slot, claims = request
    if not claims:
        return bucket.take(records, key, limit, cost, epoch, slot, now_ns)
    outcome, changed = take_with_claims(records, counters.get, request, now_ns)
    put = counters.put
    for name, record in changed:
        put(name, record)
    return outcome


def take_many(
    records: RecordStorage, counters: CounterStorage, requests: Sequence[TakeRequest], now_ns: int
) -> list[BatchResult]:
    """Decide several requests like `take`, one after the other at the same moment.

    A counter that several of them share is read and written once. The results are in the order of `requests`:
    outcomes, or the errors because of which there is none.
    """
    results: list[BatchResult] = []
    shared = _SharedCounters(counters)
    for request in requests:
        key, limit, cost, epoch, slot, claims = request
        try:
            if not claims:
                results.append(bucket.take(records, key, limit, cost, epoch, slot, now_ns))
                continue
            outcome, changed = take_with_claims(records, shared.get, request, now_ns)
            results.append(outcome)
            shared.change(changed)
        except (CostExceedsBurst, Undecided) as error:
            results.append(error)
    shared.write()
    return results


class _SharedCounters:
    """The counters of a batch: each is read once, and written once if it changed."""

    __slots__ = ("_changes", "_known", "_storage")

    def __init__(self, storage: CounterStorage) -> None:
        self._storage = storage
        self._known: dict[bytes, bytes] = {}
        self._changes: dict[bytes, bytes] = {}

    def get(self, name: bytes) -> bytes | None:
        """Return the counter's record as the requests so far leave it."""
        record = self._known.get(name)
        if record is None:
            record = self._storage.get(name)
            if record is not None:
                self._known[name] = record
        return record

    def change(self, changed: Sequence[tuple[bytes, bytes]]) -> None:
        """Replace records. They are stored by `write`."""
        self._known.update(changed)
        self._changes.update(changed)

    def write(self) -> None:
        """Store the records that were replaced."""
        put = self._storage.put
        for name, record in self._changes.items():
            put(name, record)


def take_with_claims(
    records: RecordStorage, get: GetCounter, request: TakeRequest, now_ns: int, holder: Holder | None = None
) -> tuple[Outcome, Sequence[tuple[bytes, bytes]]]:
    """Decide a request with claims, for a reservation if there is a `holder`. Return its outcome, and the new records
    of its counters with their names.
    """
    key, limit, cost, epoch, slot, claims = request
    try:
        states, values, changed, refused = ask(get, claims, now_ns, holder)
    except Undecided:
        # A newer epoch goes first: the claims of the newest record may be others.
        newest = bucket.epoch_of(records, key)
        if newest > epoch:
            return (False, 0, 0, newest, ()), ()
        raise
    if refused:
        exceeded = refused if isinstance(refused, CostExceedsClaim) else None
        outcome = bucket.throttle(records, key, limit, cost, epoch, slot, now_ns, exceeded)
    else:
        outcome = bucket.take(records, key, limit, cost, epoch, slot, now_ns)
    allowed, debt, wait_ns, newest, _ = outcome
    if allowed:
        return (True, debt, 0, epoch, tuple(states)), changed
    if newest > epoch:
        return outcome, ()
    return (False, debt, wait_ns, epoch, states_without(states, values)), ()
