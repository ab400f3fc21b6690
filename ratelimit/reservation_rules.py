"""Rules of reservations that hold in every store: who may see one, and which entries it has. Pure functions."""

from collections.abc import Sequence

from ratelimit.claim import Claim, ClaimState, Term
from ratelimit.claim_arithmetic import current_term
from ratelimit.reservation import ReservationEnded, ReservationExpired, ReservationUnknown, Settlement
from ratelimit.reservation_record import Entry, Kind, Reservation, Status


def entry_of(claim: Claim, state: ClaimState) -> Entry:
    """Return what a claim reserved, with the counter's state after it. A reservation holds one slot at most."""
    term = claim.terms[state.term]
    code = 0 if term.limit is None else term.limit.code
    cost = claim.cost if kind_of(term) != Kind.SLOTS else min(claim.cost, 1)
    return Entry(claim.counter, kind_of(term), claim.definition, code, state.ends_s, cost)


def kind_of(term: Term) -> Kind:
    """Return what a claim's counter is."""
    if term.limit is not None:
        return Kind.RATE
    if term.counts_usage:
        return Kind.UNITS
    return Kind.SLOTS if term.counts_slots else Kind.QUOTA


def unreserved(known: Reservation, claims: Sequence[Claim]) -> list[Claim]:
    """Return the claims on counters that were not reserved. Slots are held from the start or not at all."""
    reserved = {(entry.counter, entry.definition) for entry in known.entries}
    return [
        claim
        for claim in claims
        if (claim.counter, claim.definition) not in reserved and kind_of(claim.terms[0]) != Kind.SLOTS
    ]


def new_entry(claim: Claim, now_s: int) -> Entry:
    """Return the entry of a claim that was not reserved. Raises TermsEnded."""
    term = claim.terms[current_term(claim.terms, now_s)]
    code = 0 if term.limit is None else term.limit.code
    return Entry(claim.counter, kind_of(term), claim.definition, code, term.ends_s, 0)


def costs_of(known: Reservation, key_cost: int, claims: Sequence[Claim]) -> list[int]:
    """Return what each entry of a reservation costs in the end."""
    costs = {(claim.counter, claim.definition): claim.cost for claim in claims}
    return [
        key_cost if entry.kind == Kind.KEY else costs.get((entry.counter, entry.definition), 0)
        for entry in known.entries
    ]


def check(known: Reservation | None, caller: bytes, now_s: int) -> Reservation:
    """Return a reservation that the caller may see. Raises ReservationUnknown and ReservationExpired."""
    if known is None or known.caller != caller or known.kept_until_s <= now_s:
        raise ReservationUnknown
    if known.status == Status.OPEN and known.expires_s <= now_s:
        raise ReservationExpired(known.expires_s)
    return known


def settlement_before(known: Reservation, status: Status) -> Settlement | None:
    """Return how a reservation was ended before with this status, None if it is open. Raises ReservationEnded."""
    if known.status == Status.OPEN:
        return None
    if known.status != status:
        raise ReservationEnded(cancelled=known.status == Status.CANCELLED)
    return known.settlement()
