"""What tests ask of reservations: claims, and a caller that makes and settles them."""

from ratelimit.bucket import TakeRequest
from ratelimit.claim import FOREVER_S, Claim, ClaimState, QuotaUse, Term
from ratelimit.limit import Limit
from ratelimit.reservation import Charge, NewReservation, Reserved, Settlement
from ratelimit.reservation_id import new_name
from ratelimit.stores import BucketStore
from tests.conftest import Clock

KEY = b"lk_0123456789ab"
CALLER = b"lk_caller000000"
TOKENS = b"k:lk_0123456789ab:tokens"
PACE = b"k:lk_0123456789ab:pace"
SEATS = b"k:lk_0123456789ab:seats"
DAY = 86_400
LIMIT = Limit(100, 3600)
RATE = Limit(60, 60)


def now_s(clock: Clock) -> int:
    return clock.ns // 10**9


def quota(clock: Clock, cost: int, amount: int = 50_000, *, enforced: bool = True, ends_in: int = DAY) -> Claim:
    ends_s = now_s(clock) + ends_in
    terms = (Term(ends_s, None, amount, ends_s), Term(ends_s + DAY, None, amount, ends_s + DAY))
    return Claim(TOKENS, 7, cost, enforced, terms)


def rate(cost: int, limit: Limit = RATE) -> Claim:
    return Claim(PACE, 8, cost, True, (Term(FOREVER_S, limit),))


def seats(amount: int, *, enforced: bool = True, definition: int = 9) -> Claim:
    return Claim(SEATS, definition, 1, enforced, (Term(FOREVER_S, None, amount),))


class Reserver:
    """Asks a store for reservations as one caller does, and knows the name of the last one."""

    def __init__(self, store: BucketStore, clock: Clock) -> None:
        self.store = store
        self.name = b""
        store.seed_quotas([QuotaUse(TOKENS, 7, now_s(clock) + DAY, 0)])

    def reserve(
        self, *claims: Claim, limit: Limit | None = None, cost: int = 1, ttl: int = 60, epoch: int = 0
    ) -> Reserved:
        self.name = new_name(KEY)
        request: TakeRequest = (KEY, limit, cost, epoch, 0, claims)
        return self.store.reserve(request, NewReservation(self.name, CALLER, ttl))

    def settle(self, *claims: Claim, key_cost: int = 1, name: bytes = b"") -> dict[bytes, Charge]:
        return charges(self.store.settle(name or self.name, CALLER, key_cost, claims))

    def cancel(self) -> dict[bytes, Charge]:
        return charges(self.store.cancel(self.name, CALLER))

    def used(self) -> int:
        (use,) = self.store.quota_uses([TOKENS])
        assert use is not None
        return use.used

    def value(self, claim: Claim) -> int:
        (state,) = self.store.peek_claims([claim])
        assert isinstance(state, ClaimState)
        return state.value


def charges(settlement: Settlement) -> dict[bytes, Charge]:
    return {charge.counter: charge for charge in settlement.charges}
