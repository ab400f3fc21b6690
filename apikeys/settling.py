"""Settling: replaces the estimate of a reservation by what the work cost, or gives it back, or keeps it open longer.

A key that was changed or revoked since it was reserved has used what it used, so epochs don't matter here. The costs
are asked of the limits that the key has now.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from time import time
from typing import NamedTuple

from django.db import Error

from apikeys.cache.key_cache import KeyCache, default_key_cache
from apikeys.cache.records import KeyRecord
from apikeys.plan_claims import MAX_ROUNDS, UNSETTLED, PlanClaims
from apikeys.policies.effective import EffectiveLimit
from apikeys.policies.policies import Policies, default_policies
from apikeys.reservation_errors import no_such_reservation, reservation_problems
from latchkey.limit_state import REQUESTS
from ratelimit.claim import Undecided
from ratelimit.costs import Costs
from ratelimit.limiter import Limiter, default_limiter
from ratelimit.reservation import KEY_ENTRY, Charge, Settlement, key_of
from ratelimit.reservation_id import name_of
from ratelimit.stores import BucketStoreError
from ratelimit.unit_counters import name_of as unit_counter
from ratelimit.violations import limit_name


class SettledLimit(NamedTuple):
    """What a settlement did with one limit, in its unit, which is None if the key no longer has the limit.

    `cost` is the actual cost: what was `reserved`, and `charged` and `forgiven` on top, or less what was `returned`.
    `forgiven` was not charged, because the debt of a rate ends at a bound, or because the counter no longer knows the
    period. `used` is what is used of the limit now, and None if its counter counts something else now.
    """

    name: str
    unit: str | None
    reserved: int
    cost: int
    charged: int
    returned: int
    forgiven: int
    used: int | None


class Settled(NamedTuple):
    """A reservation that was settled at `settled_s`, in seconds since the Unix epoch, and what that changed."""

    settled_s: int
    limits: tuple[SettledLimit, ...]


class Settler:
    """Ends and extends reservations. `now` returns Unix time in seconds.

    `caller` is the ID of the key that reserved. Every method raises NoSuchReservation for a malformed or unknown ID and
    for another caller's, ExpiredReservation, EndedReservation, BucketStoreError, and django.db.Error if the database
    is needed and down.
    """

    def __init__(self, cache: KeyCache, limiter: Limiter, policies: Policies, now: Callable[[], float] = time) -> None:
        self._cache = cache
        self._limiter = limiter
        self._policies = policies
        self._plan = PlanClaims(policies, limiter, now)
        self._now = now

    def settle(self, reservation_id: str, caller: str, costs: Costs) -> Settled:
        """Settle by the actual costs. What was reserved in a unit that isn't named is returned.

        Settling again returns the same, whatever the costs. Raises UnknownUnits.
        """
        name = _name(reservation_id)
        # Before the reservation is looked for: whether it exists must not change the answer.
        self._plan.ensure_known(costs)
        self._follow_policies()
        record, now_s = self._record(key_of(name).decode()), None
        likely = self._counters_of(record) if record else ()
        for _ in range(MAX_ROUNDS):
            resolved = self._plan.of(record, costs, now_s) if record else None
            try:
                with reservation_problems():
                    settlement = self._limiter.settle(
                        name, caller.encode(), costs.requests, resolved.claims if resolved else (), likely
                    )
            except Undecided as reason:
                if record is None:
                    raise
                now_s = self._plan.prepare(reason, record)
            else:
                return self._settled(settlement, record)
        raise BucketStoreError(UNSETTLED)

    def cancel(self, reservation_id: str, caller: str) -> Settled:
        """Give back all that was reserved. Cancelling again returns the same."""
        name = _name(reservation_id)
        with reservation_problems():
            settlement = self._limiter.cancel(name, caller.encode())
        # The database learns of quotas later if it is down now.
        record = None
        with suppress(Error):
            record = self._record(key_of(name).decode())
        return self._settled(settlement, record)

    def extend(self, reservation_id: str, caller: str, ttl_seconds: int) -> int:
        """Keep it open for `ttl_seconds` from now at least. Return its end in seconds since the Unix epoch."""
        with reservation_problems():
            return self._limiter.extend(_name(reservation_id), caller.encode(), ttl_seconds)

    def _follow_policies(self) -> None:
        newest = self._limiter.policy()
        if newest > self._policies.number:
            # While the database is down, what this process knows of the policies is sufficient.
            with suppress(Error):
                self._policies.refresh(newest)

    def _record(self, key_id: str) -> KeyRecord | None:
        """Return the current record of a key; an old one is sufficient while the database is down."""
        record = self._cache.cached(key_id)
        try:
            epoch = self._limiter.epoch(key_id)
            if record is None or record.epoch < epoch:
                return self._cache.load(key_id, epoch)
        except Error:
            record = record or self._cache.cached_at_any_age(key_id)
            if record is None:
                raise
        return record

    def _counters_of(self, record: KeyRecord) -> list[bytes]:
        """Return the counters that a reservation of the key can have, as far as its limits and their units say."""
        limits = self._policies.limits_of(record)
        key = record.auth.key_id.encode()
        units = {limit.limit.unit for limit in limits} - {REQUESTS}
        return [limit.counter for limit in limits] + [unit_counter(key, unit) for unit in sorted(units)]

    def _settled(self, settlement: Settlement, record: KeyRecord | None) -> Settled:
        limits: tuple[EffectiveLimit, ...] = ()
        # What is done is done, also if the database can't say which limits the key has now.
        with suppress(Error):
            limits = self._policies.limits_of(record) if record else ()
        known = {limit.counter: limit for limit in limits}
        self._note_quotas(settlement, known)
        shown = (
            _shown(charge, known.get(charge.counter))
            for charge in settlement.charges
            if not charge.is_usage and not (charge.is_slot and charge.corrects)
        )
        return Settled(settlement.settled_s, tuple(shown))

    def _note_quotas(self, settlement: Settlement, known: dict[bytes, EffectiveLimit]) -> None:
        """Let the database learn what is used of quotas now."""
        now_s = int(self._now())
        for charge in settlement.charges:
            limit = known.get(charge.counter)
            quota = limit.stated(now_s).quota if limit is not None else None
            if quota is not None and charge.corrects and charge.ends_s > now_s:
                self._policies.writer.note_settled(charge.counter, quota.quota, charge.ends_s, charge.value)


def _name(reservation_id: str) -> bytes:
    name = name_of(reservation_id)
    if name is None:
        raise no_such_reservation()
    return name


def _shown(charge: Charge, limit: EffectiveLimit | None) -> SettledLimit:
    unit = REQUESTS if charge.counter == KEY_ENTRY else limit.limit.unit if limit else None
    used = charge.value if charge.limit is None else -(-charge.value // charge.limit.price)
    return SettledLimit(
        name=limit_name(charge.counter),
        unit=unit,
        reserved=charge.reserved,
        cost=charge.cost,
        charged=charge.charged - charge.forgiven,
        returned=charge.returned if charge.corrects else 0,
        forgiven=charge.forgiven,
        used=used if charge.corrects else None,
    )


@cache
def default_settler() -> Settler:
    """Return the settler of this process, created once."""
    return Settler(default_key_cache(), default_limiter(), default_policies())
