"""Arithmetic of claims: what a request's claims ask of their counters, and whether they get it. Pure functions."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from ratelimit.bucket import convert_debt
from ratelimit.claim import MAX_USED, Claim, ClaimState, CostExceedsClaim, CountersMissing, Term, TermsEnded, Undecided
from ratelimit.counters import Counter, Counters, QuotaCounter
from ratelimit.limit import NS_PER_SECOND, Limit

# `ClaimState(...)` takes twice as long.
_new: Final = tuple.__new__
_Measured = tuple[Counter, int, int, int, int]
"""(changed counter, value before, value after, wait_ns, ends_s) of one claim."""


class Answer(NamedTuple):
    """Answer of the counters to all claims of a request, if its key allows the request.

    If `refused` is false, `changes` are the new counters, and `states` those after the request. `values` are the
    values of the states as they are without the request. `exceeded` is an error if a claim was refused that its limit
    could never allow.
    """

    states: list[ClaimState]
    values: list[int]
    changes: dict[bytes, Counter]
    refused: bool
    exceeded: CostExceedsClaim | None

    def states_without(self) -> tuple[ClaimState, ...]:
        """Return the states if the request is refused, so that nothing is taken."""
        return tuple(
            ClaimState(state.term, state.refused, value, state.wait_ns, state.ends_s)
            for state, value in zip(self.states, self.values, strict=True)
        )


def current_term(terms: Sequence[Term], now_s: int) -> int:
    """Return the index of the first term that has not ended at `now_s`. Raises TermsEnded."""
    for index, term in enumerate(terms):
        if term.until_s > now_s:
            return index
    raise TermsEnded(now_s)


def debt_of(counter: Counter | None, definition: int, limit: Limit, now_ns: int) -> int:
    """Return the debt of a rate's counter, in ticks of `limit`, from 0 to a full bucket."""
    if counter is None or len(counter) == 6 or counter[0] != definition:
        return 0
    _, limit_code, tat_ns, fraction = counter
    if limit_code != limit.code:
        return convert_debt(limit, tat_ns, fraction, limit_code, now_ns)
    debt = (tat_ns - now_ns) * limit.ticks + fraction
    if debt < 0:
        return 0
    # It is more than a full bucket only if the clock was set back.
    return min(debt, limit.capacity)


def open_period(counter: Counter, definition: int, ends_s: int, now_s: int) -> QuotaCounter:
    """Return a quota's counter with its open period at `now_s`; if that is a new one, it ends at `ends_s`.

    A period ends when the store's clock passes the end in the record, whatever the caller's term says.
    """
    if len(counter) != 6 or counter[0] != definition:
        return definition, ends_s, 0, 0, 0, 0
    if counter[1] > now_s:
        return counter
    return definition, ends_s, 0, counter[3], counter[1], counter[2]


def _ask_rate(
    counter: Counter | None, definition: int, limit: Limit, cost: int, enforced: bool, now_ns: int
) -> _Measured:
    capacity, ticks = limit.capacity, limit.ticks
    before = debt_of(counter, definition, limit, now_ns)
    after = before + cost * limit.price
    wait_ns = 0
    if after > capacity or (not cost and before == capacity):
        if enforced:
            wait_ns = -((capacity - after) // ticks) or 1
        # A rate that is only observed is overdrawn by at most one full bucket.
        after = capacity
    if ticks == 1:
        return (definition, limit.code, now_ns + after, 0), before, after, wait_ns, 0
    ahead_ns, fraction = divmod(after, ticks)
    return (definition, limit.code, now_ns + ahead_ns, fraction), before, after, wait_ns, 0


def _ask_quota(period: QuotaCounter, quota: int, cost: int, enforced: bool, now_ns: int) -> _Measured:
    definition, ends_s, before, revision, previous_ends_s, previous_used = period
    after = before + cost
    wait_ns = 0
    if enforced and (after > quota or (not cost and before == quota)):
        wait_ns = ends_s * NS_PER_SECOND - now_ns
    if after > MAX_USED:
        after = MAX_USED
    return (definition, ends_s, after, revision, previous_ends_s, previous_used), before, after, wait_ns, ends_s


def ask(counters: Counters, claims: Sequence[Claim], now_ns: int) -> Answer:
    """Return the counters' answer to the claims of one request, without changing the counters.

    Raises TermsEnded, or CountersMissing with all quotas' counters that are missing.
    """
    now_s = now_ns // NS_PER_SECOND
    read = counters.read
    states: list[ClaimState] = []
    values: list[int] = []
    changes: dict[bytes, Counter] = {}
    missing: list[bytes] = []
    refused, exceeded = False, None
    for name, definition, cost, enforced, terms in claims:
        index = 0 if terms[0][0] > now_s else current_term(terms, now_s)
        _, limit, quota, ends_s = terms[index]
        counter = read(name)
        if limit is not None:
            measured = _ask_rate(counter, definition, limit, cost, enforced, now_ns)
        elif counter is not None:
            measured = _ask_quota(open_period(counter, definition, ends_s, now_s), quota, cost, enforced, now_ns)
        else:
            missing.append(name)
            continue
        changes[name], before, after, wait_ns, ends_s = measured
        if wait_ns:
            refused = True
            if exceeded is None and cost > terms[index].amount:
                exceeded = CostExceedsClaim(name, cost, terms[index].amount)
        values.append(before)
        states.append(_new(ClaimState, (index, wait_ns > 0, after, wait_ns, ends_s)))
    if missing:
        raise CountersMissing(tuple(missing))
    return Answer(states, values, changes, refused, exceeded)


def peek(counters: Counters, claim: Claim, now_ns: int) -> ClaimState | Undecided:
    """Return the state of the claim's counter as if its cost was 0, or why there is none."""
    try:
        return ask(counters, (claim._replace(cost=0),), now_ns).states_without()[0]
    except Undecided as error:
        return error
