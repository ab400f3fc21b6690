"""Database models of plans and of the number of their changes."""

from django.db import models
from django.db.models import Q

from ratelimit.plan_limit import Mode, PlanLimit, Shared, parse_plan_limits


def enforces(limits: object, shared: Shared) -> bool:
    """Return whether one of the limits, valid JSON, is enforced for each key, or for the keys of an owner together."""
    return any(limit.mode is Mode.ENFORCE and limit.shared is shared for limit in parse_plan_limits(limits))


class PolicyNumber(models.Model):
    """The single row that counts the changes of plans, owners and overrides.

    Each row that a change writes has the number of that change. A process that knows the policies up to a number
    reads the rows above it; if its number is below `complete_below`, rows were deleted meanwhile, so it reads all.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.PositiveBigIntegerField(default=0)
    complete_below = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="policy_number_is_one_row")]

    def __str__(self) -> str:
        return str(self.number)


class Plan(models.Model):
    """A plan: up to 8 limits under a name that never changes. Only `PolicyService` writes it.

    `number` is that of its last change, and `revision` counts its changes. `enforces_for_keys` and
    `enforces_for_owners` say whether one of the limits of each key, or one of those that the keys of an owner share, is
    enforced. `set_limits` keeps them, so that queries about keys don't have to read JSON.
    """

    name = models.CharField(max_length=32, unique=True)
    limits = models.JSONField(default=list)
    enforces_for_keys = models.BooleanField(default=False)
    enforces_for_owners = models.BooleanField(default=False)
    number = models.PositiveBigIntegerField(db_index=True)
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="plan_has_name")]

    def __str__(self) -> str:
        return self.name

    def set_limits(self, limits: list[dict[str, object]]) -> None:
        """Set the limits, valid JSON, and what they enforce."""
        self.limits = limits
        self.enforces_for_keys, self.enforces_for_owners = (enforces(limits, shared) for shared in Shared)

    @property
    def parsed_limits(self) -> tuple[PlanLimit, ...]:
        """Return the limits as values."""
        return parse_plan_limits(self.limits)

    @property
    def has_owner_limits(self) -> bool:
        """Return whether the keys of an owner share one of the limits, so that the plan is for owners only."""
        return any(limit.shared is Shared.OWNER for limit in self.parsed_limits)
