"""Visit: a request on its way through the app, which may pass several guarded places and pays the highest cost once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from latchkey.integrations.incoming import IncomingRequest
from latchkey.integrations.needs import Needs
from latchkey.integrations.outcome import Allowed, Fields, Outcome
from latchkey.integrations.policy import Policy
from latchkey.integrations.principal import Principal
from latchkey.limit_state import REQUESTS


@dataclass(slots=True)
class Visit:
    """What is known of a request so far: its key, the fields of its response, and what the key has paid, by unit."""

    principal: Principal | None = None
    fields: Fields = ()
    paid: Mapping[str, int] = field(default_factory=dict)

    def begin(self, policy: Policy, request: IncomingRequest, needs: Needs) -> Outcome | Needs:
        """Return the needs to verify, with what the key has not paid yet, or the outcome without a verification."""
        if self.principal is None:
            return needs
        owed = {unit: cost - self.paid.get(unit, 0) for unit, cost in needs.costs.items()}
        owed = {unit: cost for unit, cost in owed.items() if cost > 0}
        if not owed:
            return policy.admit(request, self.principal, needs.scopes, self.fields)
        limit, cost = self.principal.rate_limit, needs.tokens
        if limit is not None and cost > limit.limit:
            # The rest alone may fit into the bucket, but no wait would ever make room for all of it.
            return self._ended(policy.deny_cost(request, cost, limit.limit, self.fields))
        # Each verification costs at least one token. A unit that was paid before isn't named: if the request has paid
        # the last of it, even a cost of 0 would be denied.
        return Needs(needs.scopes, {REQUESTS: 1, **owed})

    def whole(self, verified: Needs) -> Mapping[str, int] | None:
        """Return what the request costs with these needs and what it has paid before, None if that is nothing."""
        return self._with(verified) if self.paid else None

    def end(self, outcome: Outcome, verified: Needs) -> Outcome:
        """Return the outcome of the verification of these needs, and remember it."""
        if isinstance(outcome, Allowed):
            self.principal, self.fields = outcome.principal, outcome.fields
            self.paid = self._with(verified)
            return outcome
        return self._ended(outcome)

    def _with(self, verified: Needs) -> dict[str, int]:
        charged = verified.costs
        return {unit: self.paid.get(unit, 0) + charged.get(unit, 0) for unit in (*self.paid, *charged)}

    def _ended(self, denied: Outcome) -> Outcome:
        # Its own fields are newer than those of an earlier place.
        self.fields = ()
        return denied
