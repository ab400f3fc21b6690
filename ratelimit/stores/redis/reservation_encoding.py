"""Binary encoding of the arguments of reserve.lua, settle.lua and extend.lua. Records are those of every store."""

from collections.abc import Sequence
from struct import Struct
from typing import Final

from ratelimit.bucket import TakeRequest
from ratelimit.claim import Claim, CountersMissing, TermsEnded, Undecided
from ratelimit.reservation import KEY_ENTRY, MAX_OPEN, NewReservation, slot_id
from ratelimit.reservation_record import Entry, Kind, Reservation, dump_entry, dump_names
from ratelimit.reservation_rules import kind_of

# The same statuses as in reserve.lua, settle.lua and extend.lua.
TOO_MANY_OPEN: Final = 10
DONE, AS_IS, EXPIRED, _ENDED, _MISSING = 1, 2, 3, 7, 8
_OPENING: Final = Struct("<QQ")
_CLAIM: Final = Struct("<BBQQ")
_TERM: Final = Struct("<QQQ")


def encode_new(request: TakeRequest, new: NewReservation) -> list[bytes]:
    """Return the arguments of reserve.lua that follow those of take.lua."""
    _, limit, cost, _, _, claims = request
    names = [claim.counter for claim in claims]
    if limit is None:
        return [_OPENING.pack(new.ttl_seconds, MAX_OPEN), slot_id(new.name), dump_names(new.caller, names), b""]
    entry = dump_entry(Entry(KEY_ENTRY, Kind.KEY, 0, limit.code, 0, cost))
    names = [KEY_ENTRY, *names]
    return [_OPENING.pack(new.ttl_seconds, MAX_OPEN), slot_id(new.name), dump_names(new.caller, names), entry]


def encode_names(counters: Sequence[bytes]) -> bytes:
    """Return the names of counters as a record has them, as an argument for settle.lua."""
    return b"".join([b"%c%b" % (len(one), one) for one in counters])


def encode_claim(claim: Claim, position: int) -> bytes:
    """Return a claim as an argument for settle.lua. `position` is that of its counter among the names, from 1."""
    codes = [0 if term.limit is None else term.limit.code for term in claim.terms]
    terms = [_TERM.pack(term.until_s, code, term.ends_s) for term, code in zip(claim.terms, codes, strict=True)]
    head = _CLAIM.pack(position, kind_of(claim.terms[0]), claim.definition, claim.cost)
    return b"".join([head, *terms])


def slot_entries(known: Reservation) -> list[Entry]:
    """Return the entries of a reservation that are slots."""
    return [entry for entry in known.entries if entry.kind == Kind.SLOTS]


def parse_undecided(status: int, now_s: int, missing: Sequence[bytes]) -> Undecided:
    """Return why settle.lua settled nothing. Raises ValueError if the response has another status."""
    if status == _ENDED:
        return TermsEnded(now_s)
    if status == _MISSING:
        return CountersMissing(tuple(dict.fromkeys(missing)))
    raise ValueError(f"the response has the unknown status {status}")
