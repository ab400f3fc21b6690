"""Settling and cancelling reservations in one step of a store. Pure functions over its records.

Nothing is written if a function raises.
"""

from collections.abc import Sequence

from ratelimit import open_reservations, reservation_record, settling
from ratelimit.bucket import EMPTY, Record
from ratelimit.claim import Claim, CountersMissing
from ratelimit.claim_arithmetic import open_period
from ratelimit.counters import load_rate, pack_quota, pack_rate
from ratelimit.open_reservations import record_name
from ratelimit.reservation import Settlement, key_of, slot_id
from ratelimit.reservation_record import Entry, Kind, Result, Status
from ratelimit.reservation_rules import costs_of, kind_of, new_entry, settlement_before, unreserved
from ratelimit.reservations import Step, open_one


def settle(step: Step, name: bytes, caller: bytes, key_cost: int, claims: Sequence[Claim]) -> Settlement:
    """Replace what was reserved by the actual costs: `key_cost` of the limit `key`, and those of `claims`.

    A counter that was reserved and that no claim names costs 0. A claim on another counter is charged in full. If the
    reservation was settled before, return that settlement again, whatever the costs are. Raises ReservationUnknown,
    ReservationExpired, ReservationEnded, TermsEnded, and CountersMissing with the quotas of claims that are missing.
    """
    return _end(step, name, caller, Status.SETTLED, key_cost, claims)


def cancel(step: Step, name: bytes, caller: bytes) -> Settlement:
    """Give back all that was reserved. If the reservation was cancelled before, return that settlement again.

    Raises ReservationUnknown, ReservationExpired and ReservationEnded.
    """
    return _end(step, name, caller, Status.CANCELLED, 0, ())


def _end(step: Step, name: bytes, caller: bytes, status: Status, key_cost: int, claims: Sequence[Claim]) -> Settlement:
    known = open_one(step, name, caller)
    if (before := settlement_before(known, status)) is not None:
        return before
    get, put = step.storage.get, step.storage.put
    missing = [claim.counter for claim in claims if kind_of(claim.terms[0]) == Kind.QUOTA and not get(claim.counter)]
    if missing:
        raise CountersMissing(tuple(missing))
    added = [(new_entry(claim, step.now_s), claim.cost) for claim in unreserved(known, claims)]
    results, entries = [], []
    for entry, cost in zip(known.entries, costs_of(known, key_cost, claims), strict=True):
        entries.append(entry)
        results.append(_settle_entry(step, name, entry, cost))
    for entry, cost in added:
        opened = _open_counter(step, entry)
        entries.append(opened)
        results.append(_settle_entry(step, name, opened, cost))
    ended = known._replace(status=status, entries=tuple(entries), settled_s=step.now_s, results=tuple(results))
    put(name, reservation_record.dump(ended))
    counted = record_name(key_of(name))
    put(counted, open_reservations.changed(get(counted), step.now_s, ended=known.expires_s))
    return ended.settlement()


def _settle_entry(step: Step, name: bytes, entry: Entry, cost: int) -> Result:
    if entry.kind == Kind.KEY:
        return _settle_key(step, key_of(name), entry, cost)
    raw = step.storage.get(entry.counter)
    if entry.kind == Kind.RATE:
        settled = settling.settle_rate(raw, entry, cost, step.now_ns)
    elif entry.kind == Kind.QUOTA:
        settled = settling.settle_quota(raw, entry, cost)
    elif entry.kind == Kind.UNITS:
        settled = settling.settle_units(raw, entry, cost, step.now_s)
    else:
        settled = settling.free_slot(raw, entry, slot_id(name), step.now_s)
    if settled.record is not None:
        step.storage.put(entry.counter, settled.record)
    return settled.result


def _settle_key(step: Step, key: bytes, entry: Entry, cost: int) -> Result:
    raw = step.records.get(key, EMPTY)
    if raw == EMPTY:
        # The key was deleted, and must not come back with its bucket.
        return settling.unsettled(cost)
    known = Record.load(raw)
    of_bucket = (known.limit_code, known.tat_ns, known.fraction)
    (code, tat_ns, fraction), result = settling.shift_bucket(
        of_bucket, entry.limit_code, cost, entry.reserved, step.now_ns, full_buckets=1
    )
    step.records.put(key, known._replace(limit_code=code, tat_ns=tat_ns, fraction=fraction).dump())
    return result


def _open_counter(step: Step, entry: Entry) -> Entry:
    """Return the entry for a claim that was not reserved, with its counter's open period, and open that."""
    if entry.kind == Kind.UNITS:
        return entry._replace(ends_s=step.now_s)
    raw = step.storage.get(entry.counter)
    if entry.kind == Kind.QUOTA:
        period = open_period(raw, entry.definition, entry.ends_s, step.now_s)
        if period is not None:
            step.storage.put(entry.counter, pack_quota(*period))
            return entry._replace(ends_s=period[1])
    elif raw is not None and ((counter := load_rate(raw)) is None or counter[0] != entry.definition):
        step.storage.put(entry.counter, pack_rate(entry.definition, entry.limit_code, 0, 0))
    return entry
