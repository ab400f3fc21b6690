"""Binary encoding of the arguments of reserve.lua, settle.lua and extend.lua. Records are those of every store."""

from collections.abc import Sequence
from struct import Struct
from typing import Final

from ratelimit.bucket import TakeRequest
from ratelimit.claim import Claim, CountersMissing, TermsEnded, Undecided
from ratelimit.reservation import KEY_ENTRY, MAX_OPEN, NewReservation, slot_id
from ratelimit.reservation_record import Entry, Kind, Reservation, Status, dump_entry, dump_names
from ratelimit.reservation_rules import costs_of, kind_of, unreserved

# The same statuses as in reserve.lua, settle.lua and extend.lua.
TOO_MANY_OPEN: Final = 10
DONE, CHANGED, EXPIRED, _ENDED, _MISSING = 1, 2, 3, 7, 8
_OPENING: Final = Struct("<QQ")
_HEAD: Final = Struct("<BQ")
_OPERATION: Final = Struct("<BQQQQQB")
_TERM: Final = Struct("<QQQ")

Operation = tuple[bytes, bytes]
"""The counter of an entry that is settled, and its argument for settle.lua."""


def encode_new(request: TakeRequest, new: NewReservation) -> list[bytes]:
    """Return the arguments of reserve.lua that follow those of take.lua."""
    _, limit, cost, _, _, claims = request
    names = [claim.counter for claim in claims]
    if limit is None:
        return [_OPENING.pack(new.ttl_seconds, MAX_OPEN), slot_id(new.name), dump_names(new.caller, names), b""]
    entry = dump_entry(Entry(KEY_ENTRY, Kind.KEY, 0, limit.code, 0, cost))
    names = [KEY_ENTRY, *names]
    return [_OPENING.pack(new.ttl_seconds, MAX_OPEN), slot_id(new.name), dump_names(new.caller, names), entry]


def operations(known: Reservation, key_cost: int, claims: Sequence[Claim]) -> list[Operation]:
    """Return what settle.lua does with the counter of each entry, the claims that were not reserved being the last."""
    named = {claim.counter for claim in claims if kind_of(claim.terms[0]) == Kind.QUOTA}
    found = [
        (entry.counter, _OPERATION.pack(*entry[1:], cost, entry.counter in named))
        for entry, cost in zip(known.entries, costs_of(known, key_cost, claims), strict=True)
    ]
    for claim in unreserved(known, claims):
        codes = [0 if term.limit is None else term.limit.code for term in claim.terms]
        terms = [_TERM.pack(term.until_s, code, term.ends_s) for term, code in zip(claim.terms, codes, strict=True)]
        head = _OPERATION.pack(kind_of(claim.terms[0]), claim.definition, 0, 0, 0, claim.cost, True)
        found.append((claim.counter, b"".join([head, *terms])))
    return found


def encode_head(known: Reservation, status: Status, operations: Sequence[Operation]) -> list[bytes]:
    """Return the head and the names of the record of a reservation after it was settled."""
    return [_HEAD.pack(status, known.expires_s), dump_names(known.caller, [counter for counter, _ in operations])]


def slot_entries(known: Reservation) -> list[Entry]:
    """Return the entries of a reservation that are slots."""
    return [entry for entry in known.entries if entry.kind == Kind.SLOTS]


def parse_undecided(operations: Sequence[Operation], status: int, value: int) -> Undecided:
    """Return why settle.lua settled nothing. Raises ValueError if the response has another status."""
    if status == _ENDED:
        return TermsEnded(value)
    if status == _MISSING:
        missing = [counter for position, (counter, _) in enumerate(operations) if value >> position & 1]
        return CountersMissing(tuple(dict.fromkeys(missing)))
    raise ValueError(f"the response has the unknown status {status}")
