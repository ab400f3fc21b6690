"""A model of several limits per key, in exact rational numbers of tokens and seconds. It shares no code with a store."""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil

from ratelimit.bucket import Outcome, TakeRequest
from ratelimit.claim import (
    MAX_USED,
    Claim,
    ClaimState,
    CostExceedsClaim,
    CountersMissing,
    QuotaUse,
    Term,
    TermsEnded,
)
from ratelimit.limit import CostExceedsBurst, Limit

SECOND = 10**9


@dataclass(frozen=True)
class Bucket:
    """A rate's counter: `full_at` is the moment in seconds at which it is full again."""

    definition: int
    limit: Limit
    full_at: Fraction

    def spent(self, definition: int, limit: Limit, now: Fraction, full_buckets: int = 2) -> Fraction:
        """A plan's rate can be overdrawn to two full buckets."""
        if self.definition != definition:
            return Fraction(0)
        spent = (self.full_at - now) * Fraction(self.limit.burst, self.limit.per_seconds)
        spent = min(max(spent, Fraction(0)), Fraction(full_buckets * self.limit.burst))
        # Under another limit, the same number of tokens is spent, rounded up to what the other one can count.
        if self.limit != limit:
            spent = min(Fraction(ceil(spent * limit.price), limit.price), Fraction(full_buckets * limit.burst))
        return spent


@dataclass(frozen=True)
class Period:
    """A quota's counter."""

    definition: int
    ends_s: int
    used: int = 0
    revision: int = 0
    before: tuple[int, int] = (0, 0)

    def at(self, definition: int, ends_s: int, now: Fraction) -> "Period":
        if self.definition != definition:
            return Period(definition, ends_s)
        if now < self.ends_s:
            return self
        return Period(definition, ends_s, 0, self.revision, (self.ends_s, self.used))


@dataclass(frozen=True)
class Seats:
    """A counter of slots: their ends by the names of the reservations that hold them."""

    definition: int
    ends: dict[bytes, int]

    def at(self, definition: int, now: Fraction) -> dict[bytes, int]:
        return {name: end for name, end in self.ends.items() if now < end and self.definition == definition}


@dataclass
class Key:
    bucket: Bucket | None = None
    allowed: int = 0
    throttled: int = 0
    epoch: int = 0


@dataclass(frozen=True)
class Asked:
    """What one claim asks: how much is spent without and with it, and whether and how long its limit refuses it."""

    state: ClaimState
    counter: Bucket | Period | Seats
    spent: Fraction
    impossible: bool


def bucket_with(limit: Limit, definition: int, spent: Fraction, now: Fraction) -> Bucket:
    return Bucket(definition, limit, now + spent * Fraction(limit.per_seconds, limit.burst))


def ticks(spent: Fraction, limit: Limit) -> int:
    counted = spent * limit.price
    assert counted.denominator == 1
    return int(counted)


def wait(spent: Fraction, cost: int, limit: Limit) -> int:
    """Nanoseconds until the cost fits, or until a tick is left if it is 0."""
    lacking = spent + (cost or Fraction(1, limit.price)) - limit.burst
    return ceil(lacking * Fraction(limit.per_seconds, limit.burst) * SECOND)


@dataclass
class Model:
    """All keys and counters."""

    keys: dict[bytes, Key] = field(default_factory=dict)
    counters: dict[bytes, Bucket | Period | Seats] = field(default_factory=dict)

    def take(self, request: TakeRequest, now_ns: int) -> Outcome | Exception:
        name, limit, cost, epoch, _, claims = request
        now, key = Fraction(now_ns, SECOND), self.keys.setdefault(name, Key())
        if key.epoch > epoch:
            return False, 0, 0, key.epoch, ()
        asked = self.ask_all(claims, now)
        if isinstance(asked, Exception):
            return asked
        spent, wait_ns = self.spent_of_key(key, limit, now), 0
        if limit is not None and spent + cost > limit.burst:
            if cost > limit.burst:
                return CostExceedsBurst(cost, limit)
            wait_ns = wait(spent, cost, limit)
        for claim, one in zip(claims, asked, strict=True):
            if one.impossible:
                return CostExceedsClaim(claim.counter, claim.cost, claim.terms[one.state.term].amount)
        allowed = not wait_ns and not any(one.state.refused for one in asked)
        key.epoch = epoch
        if allowed:
            key.allowed += 1
            spent += cost
        else:
            key.throttled += 1
        if limit is not None and (allowed or key.bucket is None or key.bucket.limit != limit or spent == limit.burst):
            key.bucket = bucket_with(limit, 0, spent, now)
        if allowed:
            self.counters.update({claim.counter: one.counter for claim, one in zip(claims, asked, strict=True)})
        states = tuple(one.state if allowed else without(one, claim) for one, claim in zip(asked, claims, strict=True))
        return allowed, 0 if limit is None else ticks(spent, limit), wait_ns, epoch, states

    def ask_all(self, claims: tuple[Claim, ...], now: Fraction) -> list[Asked] | Exception:
        if any(now >= claim.terms[-1].until_s for claim in claims):
            return TermsEnded(int(now))
        terms = [next(term for term in claim.terms if now < term.until_s) for claim in claims]
        missing = tuple(
            claim.counter
            for claim, term in zip(claims, terms, strict=True)
            if term.limit is None and term.ends_s and claim.counter not in self.counters
        )
        if missing:
            return CountersMissing(missing)
        return [self.ask(claim, term, now) for claim, term in zip(claims, terms, strict=True)]

    def ask(self, claim: Claim, term: Term, now: Fraction) -> Asked:
        index, known = claim.terms.index(term), self.counters.get(claim.counter)
        if term.limit is None:
            assert known is not None
            period = known.at(claim.definition, term.ends_s, now) if isinstance(known, Period) else None
            period = period or Period(claim.definition, term.ends_s)
            left = term.quota - period.used
            refused = claim.enforced and (claim.cost > left or left <= 0)
            after = replace(period, used=min(period.used + claim.cost, MAX_USED))
            wait_ns = int((period.ends_s - now) * SECOND) if refused else 0
            state = ClaimState(index, refused, after.used, wait_ns, period.ends_s)
            return Asked(state, after, Fraction(period.used), refused and claim.cost > term.quota)
        limit = term.limit
        spent = known.spent(claim.definition, limit, now) if isinstance(known, Bucket) else Fraction(0)
        refused = claim.enforced and (spent + claim.cost > limit.burst or spent >= limit.burst)
        total = min(spent + claim.cost, max(spent, Fraction(limit.burst)))
        state = ClaimState(index, refused, ticks(total, limit), wait(spent, claim.cost, limit) if refused else 0, 0)
        counter = bucket_with(limit, claim.definition, total, now)
        return Asked(state, counter, spent * limit.price, refused and claim.cost > limit.burst)

    def peek(self, claim: Claim, now_ns: int) -> ClaimState | Exception:
        asked = self.ask_all((claim._replace(cost=0),), Fraction(now_ns, SECOND))
        return asked if isinstance(asked, Exception) else asked[0].state

    def adjust(self, claim: Claim, used: int | None, add: int | None, now_ns: int) -> ClaimState | Exception:
        now = Fraction(now_ns, SECOND)
        asked = self.ask_all((claim._replace(cost=0, enforced=False),), now)
        if isinstance(asked, Exception):
            return asked
        state, counter = asked[0].state, asked[0].counter
        limit = claim.terms[state.term].limit
        if isinstance(counter, Period):
            total = min(max(counter.used + add if add is not None else used or 0, 0), MAX_USED)
            self.counters[claim.counter] = replace(counter, used=total, revision=counter.revision + 1)
            return state._replace(value=total)
        assert limit is not None
        assert isinstance(counter, Bucket)
        before = counter.spent(claim.definition, limit, now) if add is not None else Fraction(0)
        spent = before + (add or 0) + (used or 0)
        spent = min(max(spent, Fraction(0)), max(before, Fraction(limit.burst)))
        self.counters[claim.counter] = bucket_with(limit, claim.definition, spent, now)
        return state._replace(value=ticks(spent, limit))

    def seed(self, use: QuotaUse) -> None:
        known = self.counters.get(use.counter)
        if known is None:
            self.counters[use.counter] = Period(use.definition, use.ends_s, use.used, use.revision)
        if not isinstance(known, Period) or known.definition != use.definition:
            return
        if use.ends_s > known.ends_s:
            revision = max(known.revision, use.revision)
            known = Period(use.definition, use.ends_s, use.used, revision, (known.ends_s, known.used))
        elif use.ends_s == known.ends_s:
            revision, used = max((known.revision, known.used), (use.revision, use.used))
            known = replace(known, revision=revision, used=used)
        elif use.ends_s == known.before[0]:
            known = replace(known, before=(use.ends_s, max(known.before[1], use.used)))
        self.counters[use.counter] = known

    def use(self, counter: bytes) -> QuotaUse | None:
        known = self.counters.get(counter)
        if not isinstance(known, Period):
            return None
        return QuotaUse(counter, known.definition, known.ends_s, known.used, known.revision)

    @staticmethod
    def spent_of_key(key: Key, limit: Limit | None, now: Fraction) -> Fraction:
        return Fraction(0) if limit is None or key.bucket is None else key.bucket.spent(0, limit, now, 1)


def without(asked: Asked, claim: Claim) -> ClaimState:
    """The state of a claim of a refused request."""
    return asked.state._replace(value=int(asked.spent))
