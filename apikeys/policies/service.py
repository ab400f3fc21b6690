"""PolicyService, the only writer of plans, owners and overrides: it validates a change, appends its event and publishes
the number of the policies.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial

from django.db import transaction
from django.utils import timezone

from apikeys.cache.propagation_bound import propagation_bound
from apikeys.models import Override, Owner, Plan
from apikeys.policies import overrides, owners, plans
from apikeys.policies.adjustments import Adjustment, adjust_limit
from apikeys.policies.policy_change import PolicyChange, policy_change, publish_number
from events.origin import Origin
from ratelimit.limiter import Limiter, default_limiter


class PolicyService:
    """Changes plans, owners, overrides and what is used of limits, on behalf of `origin`.

    Values are decoded JSON. A change and its event are one transaction. It raises the number of the policies, which is
    published after the commit, so the change applies to the next request in every process. `expected` are the
    revisions of a plan or an owner that the caller's decision is based on; None accepts any.

    Every method raises InvalidParameters, PreconditionFailed, InUse or an error for what doesn't exist, and changes
    nothing in that case.
    """

    def __init__(
        self,
        origin: Origin,
        *,
        expected: Collection[int] | None = None,
        limiter: Limiter | None = None,
        now: Callable[[], datetime] = timezone.now,
    ) -> None:
        self._origin = origin
        self._expected = expected
        self._limiter = limiter or default_limiter()
        self._now = now
        self._effective_by: datetime | None = None

    @property
    def effective_by(self) -> datetime | None:
        """Return the time from which no node can act on what the last change replaced, or None before a change was
        committed. It is as that of `ConfigService`.
        """
        return self._effective_by

    def create_plan(self, values: object) -> Plan:
        """Create a plan. `values` are name and limits, both required."""
        with self._change() as change:
            return plans.create_plan(change, values)

    def change_plan(self, name: str, values: object) -> Plan:
        """Replace the limits of a plan. A limit with the same name keeps what it counts: kind, unit and period."""
        with self._change() as change:
            return plans.change_plan(change, name, values)

    def delete_plan(self, name: str) -> None:
        """Delete a plan that no key and no owner has."""
        with self._change() as change:
            plans.delete_plan(change, name)

    def create_owner(self, values: object) -> Owner:
        """Create an owner. `values` are name (required), display_name, contacts, period_anchor and plan."""
        with self._change() as change:
            return owners.create_owner(change, values)

    def change_owner(self, slug: str, values: object) -> Owner:
        """Change any of display_name, contacts, period_anchor and plan of an owner."""
        with self._change() as change:
            return owners.change_owner(change, slug, values)

    def delete_owner(self, slug: str) -> None:
        """Delete an owner whose name no key has, with its overrides."""
        with self._change() as change:
            owners.delete_owner(change, slug)

    def grant_override(self, values: object) -> Override:
        """Grant an override. `values` are key_id or owner (a slug), limit, until, and rate, quota or concurrency."""
        with self._change() as change:
            return overrides.grant_override(change, values)

    def end_override(self, id: int) -> Override:
        """End an override early."""
        with self._change() as change:
            return overrides.end_override(change, id)

    def adjust(self, subject: str, name: str, values: object) -> Adjustment:
        """Correct what is used of a limit of a key (its ID) or of an owner (its slug), immediately.

        `values` are `used`, the new value, or `add`, in units, and the reason. Raises BucketStoreError too.
        """
        return adjust_limit(self._limiter, self._origin, self._now, subject, name, values)

    @contextmanager
    def _change(self) -> Iterator[PolicyChange]:
        with policy_change(self._origin, self._now(), self._limiter, self._expected) as change:
            yield change
            transaction.on_commit(partial(self._publish, change.last_number))

    def _publish(self, number: int) -> None:
        # If no decision confirms the policies, a node that is cut off from the database goes on with the old ones, as
        # if this one hadn't been published.
        confirmed = publish_number(self._limiter, number) and self._limiter.confirms_policies
        self._effective_by = propagation_bound(self._limiter).effective_by(self._now(), published=confirmed)
