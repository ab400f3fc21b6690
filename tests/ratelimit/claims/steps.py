"""Steps of any kind that are asked of two stores, for tests that they agree."""

from collections.abc import Callable
from typing import Final

from hypothesis import strategies as st

from ratelimit.bucket import TakeRequest
from ratelimit.claim import FOREVER_S, MAX_USED, NO_POLICY, Claim, QuotaUse, Term, Undecided
from ratelimit.limit import NS_PER_SECOND, CostExceedsBurst, Limit
from ratelimit.stores import BucketStore

KEYS: Final = (b"lk_0123456789ab", b"lk_0123456789ac")
RATES: Final = (b"k:lk_0123456789ab:rate", b"k:lk_0123456789ac:rate", b"o:7:rate")
QUOTAS: Final = (b"k:lk_0123456789ab:month", b"o:7:month")
COUNTERS: Final = RATES + QUOTAS
LIMITS: Final = (Limit(7, 60), Limit(10**6, 3600), Limit(999_999_937, 2_678_399))
AMOUNTS: Final = (3, 10**15)

Step = Callable[[BucketStore, int], object]
"""Asks something of a store at a time in nanoseconds, and returns what is compared."""


def ends(now_s: int, elapsed: int) -> int:
    """Return a moment near now, or one that never comes."""
    return min(max(now_s + elapsed, 1), FOREVER_S)


@st.composite
def claims(draw: st.DrawFn, limit_of: Callable[[bytes], Limit] | None = None) -> Callable[[int], tuple[Claim, ...]]:
    """Claims on different counters, made for a time in seconds. `limit_of` fixes the limit of each rate."""
    names = draw(st.lists(st.sampled_from(COUNTERS), min_size=0, max_size=4, unique=True))
    made = []
    for name in names:
        offsets = sorted(draw(st.lists(st.sampled_from((-5, 1, 60, 10**12)), min_size=1, max_size=2)))
        limits = [limit_of(name) if limit_of else draw(st.sampled_from(LIMITS)) for _ in offsets]
        amounts = [draw(st.sampled_from(AMOUNTS)) for _ in offsets]
        cost = draw(st.sampled_from((0, 1, 2, 5, 10**6, 10**9, 10**15)))
        made.append((name, draw(st.sampled_from((5, 5, 5, 6))), cost, draw(st.booleans()), offsets, limits, amounts))

    def at(now_s: int) -> tuple[Claim, ...]:
        return tuple(
            Claim(
                name,
                definition,
                cost,
                enforced,
                tuple(
                    Term(ends(now_s, offset), limit)
                    if name in RATES
                    else Term(ends(now_s, offset), None, amount, ends(now_s, offset))
                    for offset, limit, amount in zip(offsets, limits, amounts, strict=True)
                ),
            )
            for name, definition, cost, enforced, offsets, limits, amounts in made
        )

    return at


@st.composite
def takes(draw: st.DrawFn, requests: int = 1, limit_of: Callable[[bytes], Limit] | None = None) -> Step:
    """Up to so many requests in one call."""
    asked = [
        (
            draw(st.sampled_from(KEYS)),
            draw(st.integers(1, 8)),
            draw(st.sampled_from((0, 0, 0, 1))),
            draw(claims(limit_of)),
        )
        for _ in range(draw(st.integers(1, requests)))
    ]
    # A key's own limit is never as large as a plan's.
    limit = draw(st.sampled_from((None, LIMITS[0], LIMITS[0] if limit_of else LIMITS[1])))
    policy = draw(st.sampled_from((NO_POLICY, NO_POLICY, 1, 2)))

    def ask(store: BucketStore, now_ns: int) -> object:
        now_s = now_ns // NS_PER_SECOND
        made: list[TakeRequest] = [(key, limit, cost, epoch, 0, at(now_s)) for key, cost, epoch, at in asked]
        return [comparable(one) for one in store.take_many(made, policy)]

    return ask


@st.composite
def other_steps(draw: st.DrawFn, limit_of: Callable[[bytes], Limit] | None = None) -> Step:
    """A change that is no request, or a look."""
    at, offset = draw(claims(limit_of)), draw(st.sampled_from((-5, 1, 60, 10**12)))
    number = draw(st.integers(0, 2))
    used, revision = draw(st.sampled_from((0, 2, 10**15, MAX_USED))), draw(st.integers(0, 2))
    definition, quota = draw(st.sampled_from((5, 5, 6))), draw(st.sampled_from(QUOTAS))
    add = draw(st.sampled_from((-(10**16), -1, 2, 10**16)))

    def seed(store: BucketStore, now_ns: int) -> object:
        store.seed_quotas([QuotaUse(quota, definition, ends(now_ns // NS_PER_SECOND, offset), used, revision)])
        return store.quota_uses(COUNTERS)

    def publish(store: BucketStore, _: int) -> object:
        store.set_policy(number)
        return store.policy()

    def peek(store: BucketStore, now_ns: int) -> object:
        return [comparable(one) for one in store.peek_claims(at(now_ns // NS_PER_SECOND))]

    def adjust(store: BucketStore, now_ns: int) -> object:
        found: list[object] = []
        for claim in at(now_ns // NS_PER_SECOND)[:1]:
            for change in ({"used": used}, {"add": add}):
                try:
                    found.append(store.adjust(claim, **change))
                except Undecided as error:
                    found.append(comparable(error))
        return found

    return draw(st.sampled_from((seed, publish, peek, adjust)))


def comparable(result: object) -> object:
    """Return a result, an error by its type and what it says."""
    if isinstance(result, Undecided | CostExceedsBurst):
        return type(result), str(result), vars(result)
    return result


ELAPSED: Final = st.sampled_from((0, 1, 10**6, 3 * 10**9, 61 * 10**9, -(2 * 10**9), 10**15)) | st.integers(0, 10**11)


def any_steps(
    requests: int = 1, limit_of: Callable[[bytes], Limit] | None = None
) -> st.SearchStrategy[list[tuple[int, Step]]]:
    """Steps, with the nanoseconds before each. Each takes up to so many requests."""
    take = takes(requests, limit_of)
    return st.lists(st.tuples(ELAPSED, st.one_of(take, take, take, other_steps(limit_of))), min_size=1, max_size=20)
