"""Changes of counters other than by requests: what the database has of quotas, and adjustments by an operator."""

from collections.abc import Iterable

from ratelimit.claim import MAX_USED, Claim, ClaimState, CountersMissing, QuotaUse
from ratelimit.claim_arithmetic import current_term, debt_of, open_period
from ratelimit.counters import Counter, Counters, QuotaCounter
from ratelimit.limit import NS_PER_SECOND, Limit


def use_of(counters: Counters, name: bytes) -> QuotaUse | None:
    """Return what is used in the period of a quota's counter, also if that has ended; None if there is no counter."""
    counter = counters.read(name)
    if counter is None or len(counter) != 6:
        return None
    definition, ends_s, used, revision, _, _ = counter
    return QuotaUse(name, definition, ends_s, used, revision)


def seed(counters: Counters, uses: Iterable[QuotaUse]) -> None:
    """Merge what the database has of quotas into their counters."""
    for use in uses:
        merged = merge(counters.read(use.counter), use)
        if merged is not None:
            counters.change({use.counter: merged})


def merge(counter: Counter | None, use: QuotaUse) -> QuotaCounter | None:
    """Return the counter with what the database has of it; None if that changes nothing.

    For the same period, the higher revision counts, then the larger use. So it does no harm to merge a use twice or
    late. A revision never decreases.
    """
    _, definition, seed_ends_s, seed_used, seed_revision = use
    if counter is None:
        return definition, seed_ends_s, seed_used, seed_revision, 0, 0
    if len(counter) != 6 or counter[0] != definition:
        return None
    _, ends_s, used, revision, previous_ends_s, previous_used = counter
    if seed_ends_s > ends_s:
        return definition, seed_ends_s, seed_used, max(revision, seed_revision), ends_s, used
    if seed_ends_s == ends_s and (revision, used) < (seed_revision, seed_used):
        return definition, ends_s, seed_used, seed_revision, previous_ends_s, previous_used
    if seed_ends_s == previous_ends_s and seed_used > previous_used:
        return definition, ends_s, used, revision, previous_ends_s, seed_used
    return None


def adjust(counters: Counters, claim: Claim, used: int | None, add: int, now_ns: int) -> ClaimState:
    """Set what is spent of the claim's limit to `used` units, or add `add` units if `used` is None.

    The claim's cost doesn't matter. Return the state after it. Raises TermsEnded or CountersMissing.
    """
    name, definition, _, _, terms = claim
    index = current_term(terms, now_ns // NS_PER_SECOND)
    _, limit, _, ends_s = terms[index]
    counter = counters.read(name)
    if limit is not None:
        before = debt_of(counter, definition, limit, now_ns)
        debt = before + add * limit.price if used is None else used * limit.price
        return _set_debt(counters, claim, index, limit, min(max(debt, 0), limit.capacity), now_ns)
    if counter is None:
        raise CountersMissing((name,))
    period = open_period(counter, definition, ends_s, now_ns // NS_PER_SECOND)
    _, ends_s, before, revision, previous_ends_s, previous_used = period
    after = min(max(before + add if used is None else used, 0), MAX_USED)
    counters.change({name: (definition, ends_s, after, revision + 1, previous_ends_s, previous_used)})
    return ClaimState(index, refused=False, value=after, wait_ns=0, ends_s=ends_s)


def _set_debt(counters: Counters, claim: Claim, index: int, limit: Limit, debt: int, now_ns: int) -> ClaimState:
    ahead_ns, fraction = divmod(debt, limit.ticks)
    counters.change({claim.counter: (claim.definition, limit.code, now_ns + ahead_ns, fraction)})
    return ClaimState(index, refused=False, value=debt, wait_ns=0, ends_s=0)
