"""A model of reservations in exact rational numbers of tokens and seconds. It shares no code with a store."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil

from ratelimit.bucket import TakeRequest
from ratelimit.claim import MAX_USED, Claim, ClaimState, CountersMissing, Term, TermsEnded
from ratelimit.limit import Limit
from ratelimit.reservation import (
    KEPT_SECONDS,
    KEY_ENTRY,
    Charge,
    ReservationEnded,
    ReservationExpired,
    ReservationUnknown,
    Settlement,
)
from tests.ratelimit.claims import model
from tests.ratelimit.claims.model import SECOND, Asked, Bucket, Period, Seats, bucket_with, ticks
from tests.ratelimit.outcomes import states_of


@dataclass(frozen=True)
class Part:
    """What was reserved of a counter: `of` is a limit, the end of a period, or None for a slot."""

    counter: bytes
    definition: int
    reserved: int
    of: Limit | int | None


@dataclass
class Held:
    """A reservation."""

    key: bytes
    caller: bytes
    expires_s: int
    parts: list[Part]
    ended: str = ""
    settlement: Settlement | None = None


@dataclass
class Model(model.Model):
    """All keys, counters and reservations."""

    reservations: dict[bytes, Held] = field(default_factory=dict)
    holder: tuple[bytes, int] | None = None

    def ask(self, claim: Claim, term: Term, now: Fraction) -> Asked:
        if not term.counts_slots:
            return super().ask(claim, term, now)
        known = self.counters.get(claim.counter)
        seats: dict[bytes, int] = known.at(claim.definition, now) if isinstance(known, Seats) else {}
        refused = claim.enforced and len(seats) >= term.quota
        free_at = sorted(seats.values())[len(seats) - term.quota] if refused else now
        after = dict([*seats.items(), self.holder]) if claim.cost and self.holder else seats
        wait_ns = int((free_at - now) * SECOND)
        state = ClaimState(claim.terms.index(term), refused, len(after), wait_ns, 0)
        return Asked(state, Seats(claim.definition, after), Fraction(len(seats)), impossible=False)

    def reserve(self, name: bytes, caller: bytes, ttl: int, request: TakeRequest, now_ns: int) -> object:
        expires_s = ceil(Fraction(now_ns, SECOND)) + ttl
        self.holder = (name, expires_s)
        outcome = self.take(request, now_ns)
        self.holder = None
        if isinstance(outcome, Exception):
            return outcome
        if not outcome[0]:
            return outcome, 0
        key, limit, cost, _, _, claims = request
        parts = [] if limit is None else [Part(KEY_ENTRY, 0, cost, limit)]
        for claim, state in zip(claims, states_of(outcome), strict=True):
            term = claim.terms[state.term]
            of = term.limit or state.ends_s or None
            parts.append(Part(claim.counter, claim.definition, claim.cost if of else 1, of))
        self.reservations[name] = Held(key, caller, expires_s, parts)
        return outcome, expires_s

    def find(self, name: bytes, caller: bytes, now: Fraction) -> Held | Exception:
        held = self.reservations.get(name)
        if held is None or held.caller != caller or now >= held.expires_s + KEPT_SECONDS:
            return ReservationUnknown()
        if not held.ended and now >= held.expires_s:
            return ReservationExpired(held.expires_s)
        return held

    def extend(self, name: bytes, caller: bytes, ttl: int, now_ns: int) -> int | Exception:
        now = Fraction(now_ns, SECOND)
        held = self.find(name, caller, now)
        if isinstance(held, Exception):
            return held
        if held.ended:
            return ReservationEnded(cancelled=held.ended == "cancelled")
        held.expires_s = max(held.expires_s, ceil(now) + ttl)
        for part in held.parts:
            seats = self.counters.get(part.counter)
            if isinstance(seats, Seats) and part.of is None and name in seats.at(part.definition, now):
                self.counters[part.counter] = replace(seats, ends=seats.ends | {name: held.expires_s})
        return held.expires_s

    def end(
        self, name: bytes, caller: bytes, how: str, key_cost: int, claims: Sequence[Claim], now_ns: int
    ) -> Settlement | Exception:
        """Settle or cancel, as `how` says."""
        now = Fraction(now_ns, SECOND)
        held = self.find(name, caller, now)
        if isinstance(held, Exception):
            return held
        if held.ended:
            return held.settlement if held.settlement and held.ended == how else _ended(held)
        missing = [one.counter for one in claims if one.terms[0].limit is None and one.terms[0].ends_s]
        missing = [counter for counter in missing if counter not in self.counters]
        if missing:
            return CountersMissing(tuple(missing))
        parts, costs = [*held.parts], {(claim.counter, claim.definition): claim.cost for claim in claims}
        known = {(part.counter, part.definition) for part in parts}
        added = [one for one in claims if (one.counter, one.definition) not in known and not one.terms[0].counts_slots]
        if any(now >= claim.terms[-1].until_s for claim in added):
            return TermsEnded(int(now))
        costs[KEY_ENTRY, 0] = key_cost
        charges = [
            self.settle_part(name, held, part, costs.get((part.counter, part.definition), 0), now) for part in parts
        ]
        for claim in added:
            term = next(term for term in claim.terms if now < term.until_s)
            part = Part(claim.counter, claim.definition, 0, term.limit or self.open_end(claim, term, now))
            if term.limit and not self.counts(part, Bucket):
                self.counters.pop(claim.counter, None)
            charges.append(self.settle_part(name, held, part, claim.cost, now))
        held.ended, held.settlement = how, Settlement(int(now), tuple(charges))
        return held.settlement

    def open_end(self, claim: Claim, term: Term, now: Fraction) -> int:
        """Open the period of a quota that was not reserved, and return its end."""
        counter = self.counters[claim.counter]
        period = counter.at(claim.definition, term.ends_s, now) if isinstance(counter, Period) else None
        period = period or Period(claim.definition, term.ends_s)
        self.counters[claim.counter] = period
        return period.ends_s

    def counts(self, part: Part, kind: type[Bucket] | type[Period]) -> bool:
        known = self.counters.get(part.counter)
        return isinstance(known, kind) and known.definition == part.definition

    def settle_part(self, name: bytes, held: Held, part: Part, cost: int, now: Fraction) -> Charge:
        difference = cost - part.reserved
        limit_before = part.of if isinstance(part.of, Limit) else None
        gone = Charge(part.counter, part.reserved, cost, max(0, difference), 0, limit_before, 0, corrects=False)
        if part.of is None:
            return self.free(name, part, now)
        if isinstance(part.of, int):
            return self.settle_period(part, cost, gone._replace(ends_s=part.of))
        if part.counter == KEY_ENTRY:
            key = self.keys[held.key]
            assert key.bucket is not None
            spent, limit = key.bucket.spent(0, key.bucket.limit, now, 1), key.bucket.limit
            after = min(max(spent + difference, Fraction(0)), Fraction(limit.burst))
            key.bucket = bucket_with(limit, 0, after, now)
        else:
            known = self.counters.get(part.counter)
            if known is not None and not self.counts(part, Bucket):
                return gone
            limit = known.limit if isinstance(known, Bucket) else part.of
            spent = known.spent(part.definition, limit, now) if isinstance(known, Bucket) else Fraction(0)
            after = min(max(spent + difference, Fraction(0)), Fraction(2 * limit.burst))
            self.counters[part.counter] = bucket_with(limit, part.definition, after, now)
        forgiven = max(0, ceil(spent + difference - after)) if difference > 0 else 0
        return Charge(part.counter, part.reserved, cost, forgiven, ticks(after, limit), limit, 0, corrects=True)

    def settle_period(self, part: Part, cost: int, gone: Charge) -> Charge:
        known = self.counters.get(part.counter)
        if not isinstance(known, Period) or known.definition != part.definition:
            return gone
        difference = cost - part.reserved
        if known.ends_s == part.of:
            before, after = known.used, min(max(known.used + difference, 0), MAX_USED)
            known = replace(known, used=after, revision=known.revision + (after < before))
        elif known.before[0] == part.of:
            before, after = known.before[1], min(max(known.before[1] + difference, 0), MAX_USED)
            known = replace(known, before=(known.before[0], after))
        else:
            return gone
        self.counters[part.counter] = known
        forgiven = max(0, before + difference - after) if difference > 0 else 0
        return gone._replace(forgiven=forgiven, value=after, corrects=True)

    def free(self, name: bytes, part: Part, now: Fraction) -> Charge:
        known = self.counters.get(part.counter)
        seats: dict[bytes, int] = known.at(part.definition, now) if isinstance(known, Seats) else {}
        corrects = seats.pop(name, None) is not None
        if corrects:
            self.counters[part.counter] = Seats(part.definition, seats)
        return Charge(part.counter, 1, 1, 0, len(seats), None, 0, corrects)


def _ended(held: Held) -> ReservationEnded:
    return ReservationEnded(cancelled=held.ended == "cancelled")
