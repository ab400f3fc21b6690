"""A key whose requests and reservations cost several units, with quotas in them, for tests of usage by unit."""

from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, TypeVar

from apikeys.policies.effective import EffectiveLimit
from apikeys.usage.rollup import UsageRollup
from ratelimit.bucket import TakeRequest
from ratelimit.claim import Claim, CountersMissing, QuotaUse, Undecided
from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.periods import Per, Quota
from ratelimit.plan_limit import PlanLimit
from ratelimit.reservation import NewReservation, ReservationError, Settlement
from ratelimit.reservation_id import new_name
from ratelimit.stores import BucketStore
from ratelimit.unit_counters import claims_on_units, parse_name
from tests.conftest import Clock

UNITS = ("tokens", "images")
# In Kathmandu, hours and days begin at a quarter past the hour in UTC.
QUOTAS = (Quota(10**9, Per.HOUR), Quota(10**9, Per.HOUR, "Asia/Kathmandu"), Quota(10**9, Per.DAY, "Asia/Kathmandu"))
_CALLER = b"lk_caller000000"
_Answer = TypeVar("_Answer")


class World:
    """Does something at random with each `act`: use of the key, its reservations, or a run of one of two stewards."""

    def __init__(self, key_id: str, store: BucketStore, clock: Clock, chance: Random) -> None:
        self._name, self._store, self._clock, self._chance = key_id.encode(), store, clock, chance
        self._stewards = [UsageRollup(store) for _ in range(2)]
        self._made: list[bytes] = []
        self._ended: set[bytes] = set()
        self.used: dict[tuple[bytes, int], int] = {}
        """What quotas have counted, by counter and the end of the period."""
        self.charged: Counter[str] = Counter()
        self.returned: Counter[str] = Counter()
        self.limits = {
            limit.counter: limit
            for unit in UNITS
            for number, quota in enumerate(QUOTAS)
            for limit in [_limit(self._name, unit, number, quota)]
        }

    def act(self) -> None:
        use = [self.take, self.reserve, self.settle]
        self._chance.choice([*use * 3, self.cancel, self.write, self.write, self.wait])()
        for use_of in self._store.quota_uses([*self.limits]):
            if use_of is not None:
                self.used[use_of.counter, use_of.ends_s] = use_of.used

    def write(self) -> None:
        self._chance.choice(self._stewards).write_pending()

    def wait(self) -> None:
        seconds = self._chance.choice([0.5, 30, 60, 400, 900, 1700, 3000])
        if seconds >= 900:
            # A steward that is away for longer than an hour loses the quarter, and nothing else.
            self.write()
        self._clock.move(seconds)

    def take(self) -> None:
        costs, limit = self._costs(), self._chance.choice([None, None, Limit(1, 86_400)])
        times = self._chance.randint(1, 3)

        def take(claims: tuple[Claim, ...]) -> list[Any]:
            request: TakeRequest = (self._name, limit, 1, 0, 0, claims)
            return [_raised(one) for one in self._store.take_many([request] * times)]

        for outcome in self._seeded(costs, take):
            if outcome[0]:
                self.charged.update(costs)

    def reserve(self) -> None:
        costs, name, ttl = self._costs(), new_name(self._name), self._chance.choice([1, 60, 3600])

        def reserve(claims: tuple[Claim, ...]) -> int:
            new = NewReservation(name, _CALLER, ttl)
            return self._store.reserve((self._name, None, 1, 0, 0, claims), new).expires_s

        assert self._seeded(costs, reserve)
        self.charged.update(costs)
        self._made.append(name)

    def settle(self) -> None:
        costs = self._costs()
        self._end(lambda name: self._seeded(costs, lambda claims: self._store.settle(name, _CALLER, 1, claims)))

    def cancel(self) -> None:
        self._end(lambda name: self._store.cancel(name, _CALLER))

    def _end(self, end: Callable[[bytes], Settlement]) -> None:
        """End a reservation, or one more time one that has ended or expired, which changes nothing."""
        if not self._made:
            return
        name = self._chance.choice(self._made[-5:])
        try:
            settlement = end(name)
        except ReservationError:
            return
        if name in self._ended:
            return
        self._ended.add(name)
        for charge in settlement.charges:
            assert charge.corrects or charge.counter == b"key"
            if charge.is_usage:
                unit = parse_name(charge.counter)[1]
                self.charged[unit] += charge.charged
                self.returned[unit] += charge.returned
            elif charge.counter in self.limits:
                self.used[charge.counter, charge.ends_s] = charge.value

    def _costs(self) -> dict[str, int]:
        units = self._chance.sample(UNITS, self._chance.choice([1, 1, 2]))
        return {unit: self._chance.choice([0, 1, 7, 10**5]) for unit in units}

    def _seeded(self, costs: Mapping[str, int], ask: Callable[[tuple[Claim, ...]], _Answer]) -> _Answer:
        now_s = self._clock.ns // NS_PER_SECOND
        limited = [
            limit.claim(costs[unit], now_s) for limit in self.limits.values() if (unit := limit.limit.unit) in costs
        ]
        claims = (*limited, *claims_on_units(self._name, costs))
        try:
            return ask(claims)
        except CountersMissing as missing:
            wanted = [claim for claim in limited if claim.counter in missing.counters]
            self._store.seed_quotas([QuotaUse(one.counter, one.definition, one.terms[0].ends_s, 0) for one in wanted])
            return ask(claims)


def _limit(key: bytes, unit: str, number: int, quota: Quota) -> EffectiveLimit:
    name = f"{unit}-{number}"
    return EffectiveLimit(PlanLimit(name, unit, quota=quota), "key", b"k:%b:%b" % (key, name.encode()), None, None)


def _raised(result: object) -> Any:
    if isinstance(result, Undecided):
        raise result
    return result
