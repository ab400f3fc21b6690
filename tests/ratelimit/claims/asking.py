"""Claims of tests on rates and quotas."""

from ratelimit.claim import FOREVER_S, Claim, QuotaUse, Term
from ratelimit.limit import Limit
from ratelimit.stores import BucketStore

START_S = 1_800_000_000
"""Where the clock of a test starts, in seconds."""
DAY = 86400
RATE, QUOTA = 1, 2
"""Definitions."""


def rate(counter: bytes, limit: Limit, cost: int = 1, *, enforced: bool = True, definition: int = RATE) -> Claim:
    return Claim(counter, definition, cost, enforced, (Term(FOREVER_S, limit),))


def quota(counter: bytes, amount: int, cost: int = 1, *, enforced: bool = True, ends_s: int = START_S + DAY) -> Claim:
    """On a quota of `amount` a day, in the period that ends at `ends_s` and the next one."""
    terms = tuple(Term(end, None, amount, end) for end in (ends_s, ends_s + DAY))
    return Claim(counter, QUOTA, cost, enforced, terms)


def seed(store: BucketStore, *claims: Claim, used: int = 0) -> None:
    """The quotas of these claims get a counter, with so much used in the first period."""
    store.seed_quotas([QuotaUse(claim.counter, claim.definition, claim.terms[0].ends_s, used) for claim in claims])
