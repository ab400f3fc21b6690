"""Database model of the overrides of limits."""

from django.db import models
from django.db.models import Q

from apikeys.models.key import APIKey
from apikeys.models.owner import Owner
from ratelimit.plan_limit import KINDS

_ONE_KIND = (
    Q(rate__isnull=False, quota__isnull=True, concurrency__isnull=True)
    | Q(rate__isnull=True, quota__isnull=False, concurrency__isnull=True)
    | Q(rate__isnull=True, quota__isnull=True, concurrency__isnull=False)
)


class Override(models.Model):
    """Another N or rate of one limit, for a key or an owner, before `until`. Only `PolicyService` writes it.

    An override that was ended early stays with its `ended_at`, so that every process learns about it. `number` is that
    of the last change.
    """

    key = models.ForeignKey(APIKey, on_delete=models.CASCADE, to_field="key_id", null=True, related_name="overrides")
    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, null=True, related_name="overrides")
    limit = models.CharField(max_length=32)
    rate = models.JSONField(null=True)
    quota = models.PositiveBigIntegerField(null=True)
    concurrency = models.PositiveIntegerField(null=True)
    until = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True)
    ended_at = models.DateTimeField(null=True)
    number = models.PositiveBigIntegerField(db_index=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(key__isnull=True, owner__isnull=False) | Q(key__isnull=False, owner__isnull=True),
                name="override_has_one_subject",
            ),
            models.CheckConstraint(condition=_ONE_KIND, name="override_has_one_kind"),
            models.UniqueConstraint(
                fields=["key", "limit"],
                condition=Q(ended_at__isnull=True, key__isnull=False),
                name="one_open_override_a_key_limit",
            ),
            models.UniqueConstraint(
                fields=["owner", "limit"],
                condition=Q(ended_at__isnull=True, owner__isnull=False),
                name="one_open_override_an_owner_limit",
            ),
        ]

    def __str__(self) -> str:
        return f"override {self.pk} of {self.limit}"

    @property
    def kind(self) -> str:
        """Return `rate`, `quota` or `concurrency`."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def key_text(self) -> str:
        """Return the ID of the key, empty for an override of an owner, without a query."""
        return self.key_id or ""
