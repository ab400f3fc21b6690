"""Arithmetic of claims: what a request's claims ask of their counters, and whether they get it. Pure functions."""

from collections.abc import Sequence

from ratelimit.bucket import convert_debt
from ratelimit.claim import (
    FOREVER_S,
    MAX_USED,
    Claim,
    ClaimState,
    CostExceedsClaim,
    CountersMissing,
    StateTuple,
    Term,
    TermsEnded,
    Undecided,
)
from ratelimit.counters import (
    QUOTA_SIZE,
    RATE_SIZE,
    GetCounter,
    QuotaCounter,
    load_quota,
    load_rate,
    pack_quota,
    pack_rate,
    unpack_quota,
    unpack_rate,
)
from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.reservation import OVERDRAWN_BUCKETS
from ratelimit.slots import MAX_SLOTS, Holder, free_at, held, load_slots, pack_slots
from ratelimit.unit_counters import added as units_added

Answer = tuple[list[StateTuple], list[int], list[tuple[bytes, bytes]], CostExceedsClaim | bool]
"""(states, values, records, refused): the answer of the counters to all claims of a request.

If the request is allowed, `states` are the claims' states, and `records` the names of counters with their new records.
If it is refused, `values` are the values of the states. `refused` is whether a claim refuses the request, or the error
if its cost is more than the limit could ever allow. A plain tuple, because each request with claims creates one.
"""

_Measured = tuple[bytes, int, int, int, int]
"""(record, before, after, wait_ns, ends_s) of one claim: its counter's new record, and its value now and then. The
record is empty if the counter stays as it is.
"""


def current_term(terms: Sequence[Term], now_s: int) -> int:
    """Return the index of the first term that has not ended at `now_s`. Raises TermsEnded."""
    for index, term in enumerate(terms):
        if term.until_s > now_s:
            return index
    raise TermsEnded(now_s)


def debt_of(raw: bytes | None, definition: int, limit: Limit, now_ns: int) -> int:
    """Return the debt of a rate's counter, in ticks of `limit`, from 0 to OVERDRAWN_BUCKETS full buckets."""
    counter = load_rate(raw)
    if counter is None or counter[0] != definition:
        return 0
    _, limit_code, tat_ns, fraction = counter
    return convert_debt(limit, tat_ns, fraction, limit_code, now_ns, OVERDRAWN_BUCKETS)


def open_period(raw: bytes | None, definition: int, ends_s: int, now_s: int) -> QuotaCounter | None:
    """Return a quota's counter with its open period at `now_s`; if that is a new one, it ends at `ends_s`.

    A period ends when the store's clock passes the end in the record, whatever the caller's term says. Returns None
    if the counter is missing.
    """
    counter = load_quota(raw)
    if counter is None:
        # The counter of a rate is one with another definition.
        return None if load_rate(raw) is None else (definition, ends_s, 0, 0, 0, 0)
    if counter[0] != definition:
        return definition, ends_s, 0, 0, 0, 0
    if counter[1] > now_s:
        return counter
    return definition, ends_s, 0, counter[3], counter[1], counter[2]


def ask(get: GetCounter, claims: Sequence[Claim], now_ns: int, holder: Holder | None = None) -> Answer:
    """Return the counters' answer to the claims of one request, without changing the counters.

    `holder` is the reservation that holds the slots, if the request makes one. Raises TermsEnded, or CountersMissing
    with all quotas' counters that are missing. Raises ValueError if there is no holder for slots.
    """
    now_s = now_ns // NS_PER_SECOND
    states: list[StateTuple] = []
    values: list[int] = []
    records: list[tuple[bytes, bytes]] = []
    missing: list[bytes] = []
    refused: CostExceedsClaim | bool = False
    for name, definition, cost, enforced, terms in claims:
        index, term = 0, terms[0]
        if term[0] <= now_s:
            index = current_term(terms, now_s)
            term = terms[index]
        measured: _Measured | None
        if term[1] is not None:
            measured = _ask_rate(get(name), definition, term[1], cost, enforced, now_ns)
        elif term[3]:
            measured = _ask_quota(get(name), definition, term, cost, enforced, now_s, now_ns)
            if measured is None:
                missing.append(name)
                continue
        elif term[2]:
            measured = _ask_slots(get(name), definition, term, cost, enforced, holder, now_ns)
        else:
            # A cost of 0 makes no counter.
            measured = units_added(get(name), now_s, cost, 0, now_s) if cost else b"", 0, 0, 0, now_s
        record, before, after, wait_ns, ends_s = measured
        if wait_ns and not isinstance(refused, CostExceedsClaim):
            # A reservation holds one slot, whatever it costs.
            impossible = cost > term.amount and not term.counts_slots
            refused = CostExceedsClaim(name, cost, term.amount) if impossible else True
        if record:
            records.append((name, record))
        values.append(before)
        states.append((index, wait_ns > 0, after, wait_ns, ends_s))
    if missing:
        raise CountersMissing(tuple(missing))
    return states, values, records, refused


def _ask_rate(raw: bytes | None, definition: int, limit: Limit, cost: int, enforced: bool, now_ns: int) -> _Measured:
    capacity, before, wait_ns = limit.capacity, -1, 0
    # Nearly always the counter was last used under the same limit. This repeats `debt_of` without its calls.
    if raw is not None and len(raw) == RATE_SIZE:
        known, limit_code, tat_ns, fraction = unpack_rate(raw)
        if known == definition and limit_code == limit.code:
            before = (tat_ns - now_ns) * limit.ticks + fraction
            before = max(before, 0)
    if not 0 <= before <= capacity:
        before = debt_of(raw, definition, limit, now_ns)
    after = before + cost * limit.price
    if after > capacity or (not cost and before == capacity):
        if enforced:
            # A cost of 0 needs some of the bucket, too: at least one tick.
            wait_ns = -((capacity - after - (not cost)) // limit.ticks)
        # Requests overdraw a rate that is only observed by at most one full bucket.
        after = max(before, capacity)
    if limit.ticks == 1:
        return pack_rate(definition, limit.code, now_ns + after, 0), before, after, wait_ns, 0
    ahead_ns, fraction = divmod(after, limit.ticks)
    return pack_rate(definition, limit.code, now_ns + ahead_ns, fraction), before, after, wait_ns, 0


def _ask_quota(
    raw: bytes | None, definition: int, term: Term, cost: int, enforced: bool, now_s: int, now_ns: int
) -> _Measured | None:
    """Return what a claim asks of a quota; None if the counter is missing."""
    counter: QuotaCounter | None = unpack_quota(raw) if raw is not None and len(raw) == QUOTA_SIZE else None
    # Nearly always the period is open. Otherwise, or if the record is damaged, look more closely.
    if (
        counter is None or counter[0] != definition or not now_s < counter[1] <= FOREVER_S or counter[2] > MAX_USED
    ) and (counter := open_period(raw, definition, term[3], now_s)) is None:
        return None
    _, ends_s, before, revision, previous_ends_s, previous_used = counter
    after, wait_ns = before + cost, 0
    if enforced and (after > term[2] or (not cost and before == term[2])):
        wait_ns = ends_s * NS_PER_SECOND - now_ns
    if after > MAX_USED:
        after = MAX_USED
    record = pack_quota(definition, ends_s, after, revision, previous_ends_s, previous_used)
    return record, before, after, wait_ns, ends_s


def _ask_slots(
    raw: bytes | None, definition: int, term: Term, cost: int, enforced: bool, holder: Holder | None, now_ns: int
) -> _Measured:
    slots = held(load_slots(raw, definition), now_ns // NS_PER_SECOND)
    before, wait_ns = len(slots), 0
    if enforced and before >= term[2]:
        wait_ns = free_at(slots, term[2]) * NS_PER_SECOND - now_ns
    if cost:
        if holder is None:
            raise ValueError("only a reservation holds slots")
        if before < MAX_SLOTS:
            slots[holder.slot] = holder.ends_s
    return pack_slots(definition, slots), before, len(slots), wait_ns, 0


def states_without(states: Sequence[StateTuple], values: Sequence[int]) -> tuple[StateTuple, ...]:
    """Return the states of an Answer if its request is refused, so that nothing is taken."""
    return tuple(
        (term, refused, value, wait_ns, ends_s)
        for (term, refused, _, wait_ns, ends_s), value in zip(states, values, strict=True)
    )


def peek(get: GetCounter, claim: Claim, now_ns: int) -> ClaimState | Undecided:
    """Return the state of the claim's counter as if its cost was 0, or why there is none."""
    try:
        states, values, _, _ = ask(get, (claim._replace(cost=0),), now_ns)
    except Undecided as error:
        return error
    return ClaimState._make(states_without(states, values)[0])
