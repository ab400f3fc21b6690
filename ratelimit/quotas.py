"""Changes of counters other than by requests: what the database has of quotas, and adjustments by an operator."""

from collections.abc import Iterable

from ratelimit.claim import MAX_USED, Claim, ClaimState, CountersMissing, QuotaUse
from ratelimit.claim_arithmetic import current_term, debt_of, open_period
from ratelimit.counters import CounterStorage, QuotaCounter, dump_rate, load_quota, load_rate, pack_quota
from ratelimit.limit import NS_PER_SECOND


def use_of(name: bytes, raw: bytes | None) -> QuotaUse | None:
    """Return what is used in the period of a quota's counter, also if that has ended; None if there is no counter."""
    counter = load_quota(raw)
    if counter is None:
        return None
    definition, ends_s, used, revision, _, _ = counter
    return QuotaUse(name, definition, ends_s, used, revision)


def seed(counters: CounterStorage, uses: Iterable[QuotaUse]) -> None:
    """Merge what the database has of quotas into their counters."""
    for use in uses:
        raw = counters.get(use.counter)
        # The counter of a rate has another definition.
        merged = None if load_rate(raw) else merge(load_quota(raw), use)
        if merged is not None:
            counters.put(use.counter, pack_quota(*merged))


def merge(counter: QuotaCounter | None, use: QuotaUse) -> QuotaCounter | None:
    """Return the counter with what the database has of it; None if that changes nothing.

    For the same period, the higher revision counts, then the larger use. So it does no harm to merge a use twice or
    late. A revision never decreases.
    """
    _, definition, seed_ends_s, seed_used, seed_revision = use
    if counter is None:
        return definition, seed_ends_s, seed_used, seed_revision, 0, 0
    if counter[0] != definition:
        return None
    _, ends_s, used, revision, previous_ends_s, previous_used = counter
    if seed_ends_s > ends_s:
        return definition, seed_ends_s, seed_used, max(revision, seed_revision), ends_s, used
    if seed_ends_s == ends_s and (revision, used) < (seed_revision, seed_used):
        return definition, ends_s, seed_used, seed_revision, previous_ends_s, previous_used
    if seed_ends_s == previous_ends_s and seed_used > previous_used:
        return definition, ends_s, used, revision, previous_ends_s, seed_used
    return None


def adjust(counters: CounterStorage, claim: Claim, used: int | None, add: int, now_ns: int) -> ClaimState:
    """Set what is spent of the claim's limit to `used` units, or add `add` units if `used` is None.

    The claim's cost doesn't matter. Return the state after it. Raises TermsEnded or CountersMissing.
    """
    name, definition, _, _, terms = claim
    now_s = now_ns // NS_PER_SECOND
    index = current_term(terms, now_s)
    _, limit, _, ends_s = terms[index]
    raw = counters.get(name)
    if limit is not None:
        before = debt_of(raw, definition, limit, now_ns) if used is None else 0
        debt = before + add * limit.price if used is None else used * limit.price
        # A bucket that settling has overdrawn is not filled by adding little.
        debt = min(max(debt, 0), max(before, limit.capacity))
        counters.put(name, dump_rate(definition, limit, debt, now_ns))
        return ClaimState(index, refused=False, value=debt, wait_ns=0, ends_s=0)
    if terms[index].counts_slots:
        raise ValueError("slots are held by reservations, and can't be adjusted")
    period = open_period(raw, definition, ends_s, now_s)
    if period is None:
        raise CountersMissing((name,))
    _, ends_s, before, revision, previous_ends_s, previous_used = period
    after = min(max(before + add if used is None else used, 0), MAX_USED)
    counters.put(name, pack_quota(definition, ends_s, after, revision + 1, previous_ends_s, previous_used))
    return ClaimState(index, refused=False, value=after, wait_ns=0, ends_s=ends_s)
