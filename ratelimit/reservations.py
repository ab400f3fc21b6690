"""Making and extending reservations in one step of a store. Pure functions over its records.

`records` has the records of keys, and `storage` those of counters and reservations. Nothing is written if a function
raises.
"""

from typing import Final, NamedTuple

from ratelimit import batch, bucket, open_reservations, reservation_record
from ratelimit.bucket import RecordStorage, TakeRequest
from ratelimit.claim import ClaimState
from ratelimit.counters import CounterStorage
from ratelimit.limit import NS_PER_SECOND
from ratelimit.open_reservations import record_name
from ratelimit.reservation import (
    END_PREFIX,
    KEY_ENTRY,
    MAX_OPEN,
    NewReservation,
    ReservationEnded,
    Reserved,
    TooManyReservations,
    key_of,
    slot_id,
)
from ratelimit.reservation_record import Entry, Kind, Reservation, Status
from ratelimit.reservation_rules import check, entry_of
from ratelimit.slots import Holder, held, load_slots, pack_slots

_TIME_BYTES: Final = 8


class Step(NamedTuple):
    """One step of a store at `now_ns`: where its records are."""

    records: RecordStorage
    storage: CounterStorage
    now_ns: int

    @property
    def now_s(self) -> int:
        """Return the whole seconds of the time."""
        return self.now_ns // NS_PER_SECOND


def reserve(step: Step, request: TakeRequest, new: NewReservation) -> Reserved:
    """Decide a request like `batch.take`. If it is allowed, make the reservation, and hold its slots.

    Raises CostExceedsBurst, TermsEnded, CountersMissing, and TooManyReservations, for which nothing is counted.
    """
    key, limit, cost, epoch, _, claims = request
    newest = bucket.epoch_of(step.records, key)
    if newest > epoch:
        return Reserved((False, 0, 0, newest, ()), 0)
    counted = step.storage.get(record_name(key))
    if open_reservations.count(counted, step.now_s) >= MAX_OPEN:
        raise TooManyReservations
    # Rounded up, so that it is open for at least the whole time.
    expires_s = -(-step.now_ns // NS_PER_SECOND) + new.ttl_seconds
    holder = Holder(slot_id(new.name), expires_s)
    outcome, changed = batch.take_with_claims(step.records, step.storage.get, request, step.now_ns, holder)
    if not outcome[0]:
        return Reserved(outcome, 0)
    for counter, record in changed.items():
        step.storage.put(counter, record)
    entries = [entry_of(claim, ClaimState._make(state)) for claim, state in zip(claims, outcome[4], strict=True)]
    if limit is not None:
        entries.insert(0, Entry(KEY_ENTRY, Kind.KEY, 0, limit.code, 0, cost))
    _save(step, new.name, Reservation(Status.OPEN, expires_s, new.caller, tuple(entries)))
    step.storage.put(record_name(key), open_reservations.changed(counted, step.now_s, opened=expires_s))
    return Reserved(outcome, expires_s)


def extend(step: Step, name: bytes, caller: bytes, ttl_seconds: int) -> int:
    """Keep an open reservation and its slots open for `ttl_seconds` from now, or as long as before if that is longer.

    Return its end in seconds since the Unix epoch. Raises ReservationUnknown, ReservationExpired and ReservationEnded.
    """
    known = open_one(step, name, caller)
    if known.status != Status.OPEN:
        raise ReservationEnded(cancelled=known.status == Status.CANCELLED)
    expires_s = -(-step.now_ns // NS_PER_SECOND) + ttl_seconds
    if expires_s <= known.expires_s:
        return known.expires_s
    for entry in known.entries:
        slots = held(load_slots(step.storage.get(entry.counter), entry.definition), step.now_s)
        if entry.kind == Kind.SLOTS and slot_id(name) in slots:
            slots[slot_id(name)] = expires_s
            step.storage.put(entry.counter, pack_slots(entry.definition, slots))
    _save(step, name, known._replace(expires_s=expires_s))
    counted, counts = record_name(key_of(name)), step.storage
    changed = open_reservations.changed(counts.get(counted), step.now_s, opened=expires_s, ended=known.expires_s)
    counts.put(counted, changed)
    return expires_s


def end_name(name: bytes, kept_until_s: int) -> bytes:
    """Return the name of the entry by which a sweep finds the reservation `name`, in the order of time."""
    return END_PREFIX + kept_until_s.to_bytes(_TIME_BYTES, "big") + name


def parse_end_name(end: bytes) -> tuple[int, bytes]:
    """Return until when the reservation of such an entry is kept, and its name."""
    at = len(END_PREFIX) + _TIME_BYTES
    return int.from_bytes(end[len(END_PREFIX) : at], "big"), end[at:]


def is_over(raw: bytes | None, now_s: int) -> bool:
    """Return whether the record of a reservation can be deleted."""
    known = reservation_record.load(raw)
    return known is None or known.kept_until_s <= now_s


def open_one(step: Step, name: bytes, caller: bytes) -> Reservation:
    """Return a reservation that the caller may see. Raises ReservationUnknown and ReservationExpired."""
    return check(reservation_record.load(step.storage.get(name)), caller, step.now_s)


def _save(step: Step, name: bytes, reservation: Reservation) -> None:
    step.storage.put(name, reservation_record.dump(reservation))
    # A sweep finds it by this. It costs less than to look at all reservations.
    step.storage.put(end_name(name, reservation.kept_until_s), b"")
