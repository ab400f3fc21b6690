"""Resolution of a key's limits: what its requests ask of them, until the policies change or a term ends."""

from typing import Final, NamedTuple

from apikeys.cache.records import KeyRecord
from apikeys.policies.effective import Basis, EffectiveLimit, limits_of_key
from apikeys.policies.snapshot import Snapshot
from ratelimit.claim import FOREVER_S, Claim
from ratelimit.costs import Costs
from ratelimit.shown_limits import ShownLimits
from ratelimit.unit_counters import claims_on_units

_MAX_COSTS: Final = 64
# `claim._replace` takes five times as long.
_new: Final = tuple.__new__

_Limits = tuple[EffectiveLimit, ...]


class Resolved(NamedTuple):
    """What a request asks of limits: the claims, the limits in the same order, and what a response shows of them.

    Claims that only count usage by unit follow those on limits; they have no limit.
    `shown` is the same object for all requests of the key that ask the same limits, and None if the key has no limits
    next to its own.
    """

    claims: tuple[Claim, ...]
    limits: _Limits
    shown: ShownLimits | None


class _Asked(NamedTuple):
    """The limits that requests with the same units ask, and what is shown of them; of reservations, with slots."""

    limits: _Limits
    shown: ShownLimits
    shown_with_slots: ShownLimits


class Resolution:
    """The limits of a key's record under a snapshot of the policies, and the claims on them until `until_s`.

    `snapshot` may be replaced by another one with the same `basis`.
    """

    __slots__ = (
        "_by_costs",
        "_by_units",
        "_claims",
        "_key_id",
        "_stated",
        "basis",
        "limits",
        "record",
        "snapshot",
        "until_s",
    )

    def __init__(self, record: KeyRecord, snapshot: Snapshot, basis: Basis, now_s: int) -> None:
        self.record = record
        self._key_id = record.auth.key_id.encode()
        self.snapshot = snapshot
        self.basis = basis
        self.limits: _Limits = limits_of_key(record.auth.key_id, *basis, record.issued)
        # By counter: what a claim of one unit is, and the limit with the amount that applies.
        self._claims = {limit.counter: limit.claim(1, now_s) for limit in self.limits}
        self._stated = {limit.counter: limit.stated(now_s) for limit in self.limits}
        self.until_s = min((claim.terms[0].until_s for claim in self._claims.values()), default=FOREVER_S)
        self._by_units: dict[frozenset[str], _Asked] = {}
        self._by_costs: dict[tuple[tuple[str, int], ...], Resolved] = {}

    def of(self, costs: Costs) -> Resolved:
        """Return what a request asks. A limit whose unit isn't named is not asked; a unit that is named is counted."""
        found = self._by_costs.get(costs.items)
        if found is None:
            limits, shown, _ = self._asked(costs)
            by_unit, claims = costs.by_unit, self._claims
            claimed = tuple([_with_cost(claims[limit.counter], by_unit[limit.limit.unit]) for limit in limits])
            found = Resolved(claimed + claims_on_units(self._key_id, by_unit), limits, shown)
            # Costs that vary with each request are not worth keeping.
            if len(self._by_costs) < _MAX_COSTS:
                self._by_costs[costs.items] = found
        return found

    def of_reservation(self, costs: Costs) -> Resolved:
        """Return what a reservation asks: what a request asks, and one slot of each limit of concurrency."""
        claims, limits, _ = self.of(costs)
        held, count = self._held(), len(limits)
        slots = tuple(self._claims[limit.counter] for limit in held)
        return Resolved(claims[:count] + slots + claims[count:], limits + held, self._asked(costs).shown_with_slots)

    def _asked(self, costs: Costs) -> _Asked:
        # All costs name requests.
        found = self._by_units.get(costs.others)
        if found is None:
            held = self._held()
            limits = tuple(one for one in self.limits if one.limit.unit in costs.by_unit and one not in held)
            found = _Asked(limits, self._shown(limits), self._shown(limits + held))
            if len(self._by_units) >= _MAX_COSTS:
                self._by_units.clear()
            self._by_units[costs.others] = found
        return found

    def _held(self) -> _Limits:
        """Return the limits of concurrency. Only a reservation asks and shows them."""
        return tuple(limit for limit in self.limits if limit.limit.concurrency is not None)

    def _shown(self, claimed: _Limits) -> ShownLimits:
        hidden = {limit.counter for limit in claimed + self._held()}
        others = tuple(stated for counter, stated in self._stated.items() if counter not in hidden)
        return ShownLimits(tuple(limit.limit for limit in claimed), others)


def usage_alone(key_id: str, costs: Costs) -> Resolved | None:
    """Return what a request asks if its key has no limits next to its own: to count usage by unit; None if it names
    requests only.
    """
    return Resolved(claims_on_units(key_id.encode(), costs.by_unit), (), None) if costs.others else None


def _with_cost(claim: Claim, cost: int) -> Claim:
    counter, definition, _, enforced, terms = claim
    return _new(Claim, (counter, definition, cost, enforced, terms))
