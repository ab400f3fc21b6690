"""Stores keep reservations as exact rational arithmetic says, whatever is reserved and settled in whatever order."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratelimit.bucket import TakeRequest
from ratelimit.claim import FOREVER_S, Claim, Term, Undecided
from ratelimit.limit import CostExceedsBurst, Limit
from ratelimit.reservation import NewReservation, ReservationError
from ratelimit.reservation_id import new_name
from ratelimit.stores import BucketStore
from tests.conftest import Clock
from tests.ratelimit.claims import test_model
from tests.ratelimit.claims.asking import START_S
from tests.ratelimit.claims.test_model import CLAIMS, COSTS, LIMITS, Asked, described
from tests.ratelimit.reservations.model import Model

SEATS = st.none() | st.tuples(st.integers(1, 3), st.sampled_from([True, True, False]), st.sampled_from([5, 5, 5, 6]))
WHICH = st.integers(0, 9)
CALLERS = st.sampled_from([b"lk_service00000"] * 9 + [b"lk_other0000000"])
TTL = st.integers(1, 90) | st.just(400)
RESERVE = st.tuples(st.just("reserve"), st.integers(0, 4), st.integers(0, 1), CLAIMS, SEATS, TTL)
SETTLE = st.tuples(st.just("settle"), WHICH, CALLERS, COSTS, CLAIMS)
EXTEND = st.tuples(st.just("extend"), WHICH, CALLERS, TTL)
CANCEL = st.tuples(st.just("cancel"), WHICH, CALLERS)
TAKE = st.tuples(st.just("take"), st.just("a"), st.integers(1, 4), st.integers(0, 1), CLAIMS, st.booleans())
ELAPSED = st.integers(0, 10**10) | st.integers(-(10**10), 10**11) | st.just(0)
STEPS = st.lists(
    st.tuples(ELAPSED, RESERVE | RESERVE | SETTLE | SETTLE | EXTEND | CANCEL | TAKE), min_size=1, max_size=25
)


class Comparison(test_model.Comparison):
    """A store and the model, asked the same."""

    def __init__(self, store: BucketStore, clock: Clock, limit: Limit | None) -> None:
        super().__init__(store, clock, limit)
        self.model: Model = Model()
        self.names: list[bytes] = []

    @property
    def key(self) -> bytes:
        return f"lk_a{self.example}".encode()

    def claims(self, asked: list[Asked]) -> tuple[Claim, ...]:
        return tuple(one.claim(self.example, self.clock.ns) for one in asked)

    def seats(self, amount: int, enforced: bool, definition: int) -> Claim:
        return Claim(f"k:A:s{self.example}".encode(), definition, 1, enforced, (Term(FOREVER_S, None, amount),))

    def reserve(self, cost: int, epoch: int, asked: list[Asked], seats: tuple[int, bool, int] | None, ttl: int) -> None:
        claims = self.claims(asked) + ((self.seats(*seats),) if seats else ())
        request: TakeRequest = (self.key, self.limit, cost, epoch, 0, claims)
        name = new_name(self.key)
        self.names.append(name)
        caller = b"lk_service00000"
        found = attempt(lambda: tuple(self.store.reserve(request, NewReservation(name, caller, ttl))))
        assert found == described(self.model.reserve(name, caller, ttl, request, self.clock.ns))
        self.compare_counters(claims)

    def settle(self, which: int, caller: bytes, key_cost: int, asked: list[Asked]) -> None:
        name, claims = self.name(which), self.claims(asked)
        found = attempt(lambda: self.store.settle(name, caller, key_cost, claims))
        assert found == described(self.model.end(name, caller, "settled", key_cost, claims, self.clock.ns))
        self.compare_counters(claims)

    def cancel(self, which: int, caller: bytes) -> None:
        name = self.name(which)
        found = attempt(lambda: self.store.cancel(name, caller))
        assert found == described(self.model.end(name, caller, "cancelled", 0, (), self.clock.ns))

    def extend(self, which: int, caller: bytes, ttl: int) -> None:
        name = self.name(which)
        found = attempt(lambda: self.store.extend(name, caller, ttl))
        assert found == described(self.model.extend(name, caller, ttl, self.clock.ns))
        seats = self.seats(1, True, 5)
        assert self.store.peek_claims([seats])[0] == self.model.peek(seats, self.clock.ns)

    def name(self, which: int) -> bytes:
        return self.names[which % len(self.names)] if self.names else new_name(self.key)


def attempt(call: Callable[[], object]) -> object:
    try:
        return described(call())
    except (ReservationError, Undecided, CostExceedsBurst) as error:
        return described(error)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=st.none() | LIMITS, steps=STEPS)
def test_every_step_equals_the_model(
    bucket_store: BucketStore, clock: Clock, limit: Limit | None, steps: list[tuple[int, tuple[Any, ...]]]
) -> None:
    clock.ns = START_S * 10**9
    comparison = Comparison(bucket_store, clock, limit)
    comparison.seed_all()
    for elapsed, (what, *arguments) in steps:
        clock.ns += elapsed
        getattr(comparison, what)(*arguments)
