"""Stores decide what exact rational arithmetic says, whatever is claimed, adjusted and seeded in whatever order."""

from dataclasses import dataclass
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratelimit.bucket import TakeRequest
from ratelimit.claim import FOREVER_S, MAX_USED, Claim, QuotaUse, Term, Undecided
from ratelimit.limit import Limit
from ratelimit.stores import BucketStore
from tests.conftest import Clock
from tests.ratelimit.claims.asking import START_S
from tests.ratelimit.claims.model import Model

PERIOD = 100
LIMITS = st.builds(Limit, st.integers(1, 6), st.integers(1, 60)) | st.just(Limit(999_983, 7))
NAMES = ("k:A:r", "k:A:q", "o:7:r", "o:7:q", "k:A:x")
EXAMPLES = count()


@dataclass(frozen=True)
class Asked:
    """A claim, before it is known at which time and under which names it is made."""

    name: str
    cost: int
    enforced: bool
    other: bool
    limit: Limit | None
    amount: int
    override: tuple[int, int] | None
    skew_s: int

    def claim(self, example: int, now_ns: int) -> Claim:
        # The caller resolves periods by a clock of its own.
        now_s = now_ns // 10**9 + self.skew_s
        end = (now_s // PERIOD + 1) * PERIOD
        terms = (
            [Term(FOREVER_S, self.limit)] if self.limit else [quota_term(e, self.amount) for e in (end, end + PERIOD)]
        )
        if self.override is not None:
            seconds, amount = self.override
            limit = Limit(amount + 1, 13) if self.limit else None
            terms = [Term(min(now_s + seconds, end), limit, amount, 0 if limit else end), terms[0]]
        definition = (1 if self.limit else 3) + self.other
        return Claim(f"{self.name}{example}".encode(), definition, self.cost, self.enforced, tuple(terms))


def quota_term(ends_s: int, amount: int) -> Term:
    return Term(ends_s, None, amount, ends_s)


COSTS = st.integers(0, 5) | st.sampled_from([1, 1, 1, 10**15])
ASKED = st.builds(
    Asked,
    st.sampled_from(NAMES),
    COSTS,
    st.sampled_from([True, True, False]),
    st.sampled_from([False, False, False, True]),
    st.none() | LIMITS,
    st.integers(0, 9) | st.just(10**15),
    st.none() | st.none() | st.tuples(st.integers(1, 60), st.integers(0, 9)),
    st.sampled_from([0, 0, 0, -120, 120, -300]),
)
CLAIMS = st.lists(ASKED, max_size=4, unique_by=lambda asked: asked.name)
# None: until the period ends.
ELAPSED = st.none() | st.integers(0, 10**10) | st.integers(-(10**11), 3 * 10**11) | st.just(0)
TAKE = st.tuples(st.just("take"), st.sampled_from("ab"), st.integers(1, 4), st.integers(0, 1), CLAIMS, st.booleans())
ADJUST = st.tuples(st.just("adjust"), ASKED, st.none() | st.integers(0, 12), st.integers(-9, 9) | st.just(MAX_USED))
SEED = st.tuples(
    st.just("seed"), st.sampled_from(NAMES), st.integers(3, 4), st.integers(-2, 2), st.integers(0, 9), st.integers(0, 3)
)
STEPS = st.lists(st.tuples(ELAPSED, TAKE | TAKE | TAKE | ADJUST | SEED), min_size=1, max_size=25)


class Comparison:
    """A store and the model, asked the same."""

    def __init__(self, store: BucketStore, clock: Clock, limit: Limit | None) -> None:
        self.store, self.clock, self.limit, self.model = store, clock, limit, Model()
        self.example = next(EXAMPLES)

    def seed_all(self) -> None:
        """Without it, most requests would find a counter missing."""
        for name in ("k:A:q", "o:7:q"):
            self.seed(name, 3, 1, 0, 0)

    def take(self, key: str, cost: int, epoch: int, asked: list[Asked], together: bool) -> None:
        claims = tuple(one.claim(self.example, self.clock.ns) for one in asked)
        request: TakeRequest = (f"lk_{key}{self.example}".encode(), self.limit, cost, epoch, 0, claims)
        # In a batch, the second request sees what the first one took.
        requests = [request, request] if together else [request]
        wanted = [described(self.model.take(one, self.clock.ns)) for one in requests]
        assert [described(one) for one in self.store.take_many(requests)] == wanted
        known, found = self.model.keys[request[0]], self.store.peek(request[0])
        assert (found.allowed, found.throttled, found.epoch) == (known.allowed, known.throttled, known.epoch)
        self.compare_counters(claims)

    def adjust(self, asked: Asked, used: int | None, add: int) -> None:
        claim = asked.claim(self.example, self.clock.ns)
        change = {"add": add} if used is None else {"used": used}
        try:
            found: object = self.store.adjust(claim, **change)
        except Undecided as error:
            found = error
        wanted = self.model.adjust(claim, change.get("used"), change.get("add"), self.clock.ns)
        assert described(found) == described(wanted)
        self.compare_counters((claim,))

    def seed(self, name: str, definition: int, periods: int, used: int, revision: int) -> None:
        end = (self.clock.ns // 10**9 // PERIOD + periods) * PERIOD
        use = QuotaUse(f"{name}{self.example}".encode(), definition, end, used, revision)
        self.store.seed_quotas([use])
        self.model.seed(use)

    def compare_counters(self, claims: tuple[Claim, ...]) -> None:
        found = [described(one) for one in self.store.peek_claims(claims)]
        assert found == [described(self.model.peek(claim, self.clock.ns)) for claim in claims]
        names = [claim.counter for claim in claims]
        assert self.store.quota_uses(names) == [self.model.use(name) for name in names]


def described(result: object) -> object:
    return (type(result), str(result), vars(result)) if isinstance(result, Exception) else result


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=st.none() | LIMITS, steps=STEPS)
def test_every_step_equals_the_model(
    store: BucketStore, clock: Clock, limit: Limit | None, steps: list[tuple[int | None, tuple[Any, ...]]]
) -> None:
    clock.ns = START_S * 10**9
    comparison = Comparison(store, clock, limit)
    comparison.seed_all()
    for elapsed, (what, *arguments) in steps:
        period_ns = PERIOD * 10**9
        clock.ns += period_ns - clock.ns % period_ns if elapsed is None else elapsed
        getattr(comparison, what)(*arguments)
