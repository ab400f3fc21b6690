"""Claims on the limits of plans: what a request asks of them, and what has to be done before a store can decide."""

from collections.abc import Callable
from typing import Final

from apikeys.cache.records import KeyRecord
from apikeys.policies.policies import Policies
from apikeys.policies.resolution import Resolved
from ratelimit.claim import CostExceedsClaim, CountersMissing, PolicyOutdated, TermsEnded, Undecided
from ratelimit.costs import Costs
from ratelimit.decision import Decision
from ratelimit.limit import CostExceedsBurst
from ratelimit.limiter import Limiter

MAX_ROUNDS: Final = 20
"""How often a request is decided again because policies have changed since it was asked. Each time, it knows the newest
ones. With 5, a request got a 503 now and then on a busy machine while plans changed all the time.
"""
_new: Final = tuple.__new__
UNSETTLED: Final = "the limits of the key's plan changed again and again while a request waited for its decision"


class UnknownUnits(Exception):
    """Error: a request names a cost in units in which no plan has a limit. Nothing was taken."""

    def __init__(self, units: frozenset[str]) -> None:
        super().__init__(f"no plan has a limit in {', '.join(sorted(units))}")
        self.units = units


class CostExceedsLimit(CostExceedsBurst):
    """Error: a cost in `unit` is more than the limit `name` of the key's plan could ever allow."""

    def __init__(self, name: str, unit: str) -> None:
        ValueError.__init__(self, f"the cost in {unit} is more than the limit {name} ever allows")
        self.name = name
        self.unit = unit


class PlanClaims:
    """Resolves claims with the policies of this process. `now` returns Unix time in seconds."""

    def __init__(self, policies: Policies, limiter: Limiter, now: Callable[[], float]) -> None:
        self.policies = policies
        self._limiter = limiter
        self._now = now

    def ensure_known(self, costs: Costs) -> None:
        """Raise UnknownUnits if a unit of `costs` is in no plan. Reads the policies if they have changed."""
        unknown = costs.others - self.policies.units
        if not unknown:
            return
        # The plan with the unit may be newer than what this process has read. If it is not, nothing is read: a client
        # that names unknown units must not cause a query with each request.
        newest = self._limiter.policy()
        if newest > self.policies.number:
            self.policies.refresh(newest)
            unknown = costs.others - self.policies.units
        if unknown:
            raise UnknownUnits(unknown)

    def of(self, record: KeyRecord, costs: Costs, now_s: int | None = None) -> Resolved | None:
        """Return the claims of a request, or None if it costs requests only and its key has no limits next to its own.

        `now_s` is the store's time, if it is known to differ from that of this process.
        """
        return self.policies.claims_of(record, costs, int(self._now()) if now_s is None else now_s)

    def of_reservation(self, record: KeyRecord, costs: Costs, now_s: int | None = None) -> Resolved | None:
        """Return the claims of a reservation like `of`, with those on slots."""
        return self.policies.reservation_claims_of(record, costs, int(self._now()) if now_s is None else now_s)

    def prepare(self, reason: Undecided, record: KeyRecord) -> int | None:
        """Do what the store asks for before it can decide. Return its time if the claims have to be resolved for it.

        Raises django.db.Error if the database is down, and BucketStoreError.
        """
        if isinstance(reason, TermsEnded):
            return reason.now_s
        if isinstance(reason, PolicyOutdated):
            self.policies.refresh(reason.newest)
        elif isinstance(reason, CountersMissing):
            self.policies.seed(reason.counters, record)
        return None

    def exceeded(self, error: CostExceedsBurst, resolved: Resolved | None) -> CostExceedsBurst:
        """Return the error with the name and the unit of the limit, if it is one of a plan."""
        if not isinstance(error, CostExceedsClaim) or resolved is None:
            return error
        limit = next(one.limit for one in resolved.limits if one.counter == error.counter)
        return CostExceedsLimit(limit.name, limit.unit)

    def completed(self, decision: Decision, resolved: Resolved) -> Decision:
        """Return the decision with the states of all limits of the key's plan, and note what was used of quotas."""
        limit, allowed, debt, wait_ns, epoch, states, claims, _, _ = decision
        limits, shown = len(resolved.limits), resolved.shown
        if len(claims) > limits:
            # Usage by unit is counted, and no response shows it.
            states, claims = states[:limits], claims[:limits]
        if shown is None:
            return _new(Decision, (limit, allowed, debt, wait_ns, epoch, states, claims, None, 0.0))
        if allowed:
            self.policies.writer.note(shown, claims, states)
        # `_replace` takes three times as long.
        return _new(Decision, (limit, allowed, debt, wait_ns, epoch, states, claims, shown, self._now()))
