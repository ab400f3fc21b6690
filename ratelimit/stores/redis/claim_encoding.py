"""Binary encoding of claims and counters: the Python side of claims.lua and counters.lua."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from struct import Struct
from typing import Final

from ratelimit.bucket import convert_debt
from ratelimit.claim import (
    MAX_USED,
    NO_POLICY,
    Claim,
    ClaimState,
    CostExceedsClaim,
    CountersMissing,
    QuotaUse,
    Term,
    TermsEnded,
    Undecided,
)
from ratelimit.counters import load_rate
from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.reservation import OVERDRAWN_BUCKETS
from ratelimit.reservation_record import Kind
from ratelimit.reservation_rules import kind_of

Conversions = Mapping[bytes, bytes]
"""By counter: a bucket that was converted from another limit, and its replacement, as claims.lua expects them."""
NO_CONVERSIONS: Final[Conversions] = {}

_CLAIM: Final = Struct("<BBBQQ")
_RATE_TERM: Final = Struct("<QBBQQIQI")
_QUOTA_TERM: Final = Struct("<QBBQQ16x")
_BUCKET: Final = Struct("<QQII")
_RATE: Final = Struct("<QQQII")
_RATE_RECORD: Final = Struct("<QQQI")
_SEED: Final = Struct("<QQQQ")
_AMOUNT: Final = Struct("<QI")
NUMBERS_PER_CLAIM: Final = 5
# What adjust.lua does with an amount.
SET, ADD, CHARGE = 0, 1, 2
# The same statuses as in take.lua and adjust.lua.
ALLOWED, LIMIT_CHANGED, TERMS_ENDED, COUNTERS_MISSING = 1, 3, 7, 8
# Larger numbers mean that the counter is damaged. counters.lua has the same bound.
_MAX_SECONDS: Final = 1 << 33
_MAX_POLICY_DIGITS: Final = 16


def encode_claims(claims: tuple[Claim, ...], conversions: Conversions, *, reserving: bool = False) -> bytes:
    """Return the claims of a request as the end of its argument for take.lua; empty if there are none.

    Raises ValueError if a claim asks for a slot and the request is not `reserving`.
    """
    if not claims:
        return b""
    return b"%c" % len(claims) + b"".join([encode_claim(one, conversions, reserving) for one in claims])


def encode_claim(claim: Claim, conversions: Conversions, reserving: bool = False) -> bytes:
    """Return one claim as claims.lua expects it."""
    counter, definition, cost, enforced, terms = claim
    conversion = conversions.get(counter, b"") if conversions else b""
    head = _CLAIM.pack(enforced, len(terms), bool(conversion), definition, cost)
    return head + _encode_terms(terms, cost, enforced, reserving) + conversion


# The keys of a plan have the same terms, and most requests the same cost.
@lru_cache(maxsize=4096)
def _encode_terms(terms: tuple[Term, ...], cost: int, enforced: bool, reserving: bool) -> bytes:
    if not reserving and any(term.counts_slots for term in terms):
        raise ValueError("only a reservation holds slots")
    return b"".join([_encode_term(one, cost, exceeds=enforced and cost > one.amount) for one in terms])


def _encode_term(term: Term, cost: int, *, exceeds: bool) -> bytes:
    until_s, limit, quota, ends_s = term
    if limit is None:
        # A reservation holds one slot, whatever it costs.
        kind = kind_of(term)
        return _QUOTA_TERM.pack(until_s, kind, exceeds and kind != Kind.SLOTS, quota, ends_s)
    period_ns = limit.per_seconds * NS_PER_SECOND
    # A cost above the burst is either not decided by its price, or counted up to a full bucket. Lua's numbers could not
    # represent it exactly.
    price = divmod(min(cost, limit.burst) * limit.price, limit.ticks)
    return _RATE_TERM.pack(until_s, Kind.RATE, exceeds, limit.code, period_ns, limit.ticks, *price)


def encode_conversion(raw: bytes | None, limit: Limit, now_ns: int) -> bytes:
    """Return the conversion to `limit` of the bucket in a rate's counter; empty if it is no such counter."""
    counter = load_rate(parse_counter(raw))
    if counter is None:
        return b""
    _, code, tat_ns, fraction = counter
    debt = convert_debt(limit, tat_ns, fraction, code, now_ns, OVERDRAWN_BUCKETS)
    ahead_ns, new_fraction = divmod(debt, limit.ticks)
    return _encode_bucket(code, tat_ns, fraction) + _encode_bucket(limit.code, now_ns + ahead_ns, new_fraction)


def _encode_bucket(code: int, tat_ns: int, fraction: int) -> bytes:
    return _BUCKET.pack(code, *divmod(tat_ns, NS_PER_SECOND), fraction)


def parse_counter(raw: bytes | None) -> bytes | None:
    """Return the record of ratelimit/counters.py for the counter that Redis holds; None if it holds none.

    It may be damaged. That of a quota is the same in Redis.
    """
    if raw is None or len(raw) != _RATE.size:
        return raw
    definition, code, tat_s, tat_ns, fraction = _RATE.unpack(raw)
    if tat_s >= _MAX_SECONDS:
        return None
    return _RATE_RECORD.pack(definition, code, tat_s * NS_PER_SECOND + tat_ns, fraction)


def encode_seed(use: QuotaUse) -> bytes:
    """Return what the database has of a quota as an argument for seed.lua."""
    return _SEED.pack(use.definition, use.ends_s, min(use.used, MAX_USED), use.revision)


def encode_amounts(claim: Claim, amount: int) -> list[bytes]:
    """Return `amount` units (not negative) as arguments for adjust.lua, one for each term of the claim."""
    return [_AMOUNT.pack(*_amount(term.limit, amount)) for term in claim.terms]


def _amount(limit: Limit | None, amount: int) -> tuple[int, int]:
    if limit is None:
        return min(amount, MAX_USED), 0
    # A bucket that settling has overdrawn lacks more than a burst, and all of it can be given back.
    return divmod(min(amount, OVERDRAWN_BUCKETS * limit.burst) * limit.price, limit.ticks)


def parse_states(claims: Sequence[Claim], numbers: Sequence[int], at: int, now_ns: int) -> tuple[ClaimState, ...]:
    """Return the states of claims that a response of take.lua encodes from its number `at` on."""
    starts = range(at, at + len(claims) * NUMBERS_PER_CLAIM, NUMBERS_PER_CLAIM)
    return tuple(
        [
            _state(claim, now_ns, *numbers[start : start + NUMBERS_PER_CLAIM])
            for claim, start in zip(claims, starts, strict=True)
        ]
    )


def _state(claim: Claim, now_ns: int, index: int, refused: int, value: int, fraction: int, ends_s: int) -> ClaimState:
    limit = claim.terms[index].limit
    if limit is None:
        wait_ns = ends_s * NS_PER_SECOND - now_ns if refused else 0
        # For slots, reserve.lua reports when enough of them have ended, and only if it refuses.
        return ClaimState(index, bool(refused), value, wait_ns, 0 if claim.terms[index].counts_slots else ends_s)
    debt = value * limit.ticks + fraction
    wait_ns = 0
    if refused:
        # A cost of 0 needs some of the bucket, too: at least one tick.
        wait_ns = -((limit.capacity - debt - claim.cost * limit.price - (not claim.cost)) // limit.ticks)
    return ClaimState(index, bool(refused), debt, wait_ns, 0)


def claims_of_bits(claims: Sequence[Claim], bits: int) -> tuple[Claim, ...]:
    """Return the claims whose bits are set."""
    return tuple(claim for position, claim in enumerate(claims) if bits >> position & 1)


def parse_undecided(claims: Sequence[Claim], status: int, bits: int, now_ns: int) -> Undecided:
    """Return the error that a response with TERMS_ENDED, or with COUNTERS_MISSING and claims as bits, represents.

    Raises ValueError if the response has another status.
    """
    if status == TERMS_ENDED:
        return TermsEnded(now_ns // NS_PER_SECOND)
    if status == COUNTERS_MISSING:
        return CountersMissing(tuple(claim.counter for claim in claims_of_bits(claims, bits)))
    raise ValueError(f"the response has the unknown status {status}")


def cost_exceeds_claim(claim: Claim, term: int) -> CostExceedsClaim:
    """Return the error that a response with EXCEEDS_CLAIM represents."""
    return CostExceedsClaim(claim.counter, claim.cost, claim.terms[term].amount)


def parse_adjusted(claim: Claim, numbers: Sequence[int]) -> ClaimState | Undecided | None:
    """Return the state after a change by adjust.lua, or why there is none; None if the counter's limit has changed."""
    status, term, value, fraction, ends_s, now_s, _ = numbers
    if status == LIMIT_CHANGED:
        return None
    if status != ALLOWED:
        return parse_undecided([claim], status, 1, now_s * NS_PER_SECOND)
    return _state(claim, 0, term, 0, value, fraction, ends_s)


def parse_policy(raw: bytes | None) -> int:
    """Return the number of the policies that Redis holds; 0 if there is none, or if Latchkey did not write it."""
    number = int(raw) if raw is not None and raw.isdigit() and len(raw) <= _MAX_POLICY_DIGITS else 0
    return number if number < NO_POLICY else 0
