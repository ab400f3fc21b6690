"""Database model of the owners of keys."""

from django.db import models
from django.db.models import Q

from apikeys.models.plan import Plan


class Owner(models.Model):
    """An owner: the text in the `owner` of keys, and the plan of these keys. Only `PolicyService` writes it.

    `name` and `slug` never change. `number` is that of the last change, and `revision` counts the changes.
    """

    name = models.CharField(max_length=200, unique=True)
    slug = models.CharField(max_length=64, unique=True)
    display_name = models.CharField(max_length=200, blank=True)
    contacts = models.JSONField(default=list)
    period_anchor = models.DateField(null=True)
    plan = models.ForeignKey(
        Plan, on_delete=models.PROTECT, to_field="name", null=True, db_index=False, related_name="owners"
    )
    number = models.PositiveBigIntegerField(db_index=True)
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=~Q(name="") & ~Q(slug=""), name="owner_has_name_and_slug")]
        indexes = [models.Index(fields=["plan"], name="owner_by_plan")]

    def __str__(self) -> str:
        return self.display_name or self.name

    @property
    def plan_name(self) -> str | None:
        """Return the name of the owner's plan, or None, without a query."""
        return self.plan_id
