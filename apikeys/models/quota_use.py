"""Database model of what is used of quotas."""

from django.db import models
from django.db.models import Q

from ratelimit.claim import QuotaUse as Use


class QuotaUse(models.Model):
    """What is used of one quota in the last period of which the database knows, as an absolute number.

    `counter`, `definition` and `revision` are as in `ratelimit.claim`. `quota` is the N that applied when the row was
    written, and `told` the highest percentage of it for which there is an event, 0 if none.
    `apikeys.policies.quota_rows` writes the rows.
    """

    counter = models.CharField(max_length=64, unique=True)
    definition = models.PositiveBigIntegerField()
    ends_s = models.PositiveBigIntegerField()
    used = models.PositiveBigIntegerField()
    revision = models.PositiveBigIntegerField(default=0)
    quota = models.PositiveBigIntegerField()
    told = models.PositiveSmallIntegerField(default=0)
    updated_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["updated_at"], name="quota_use_by_age"),
            models.Index(fields=["-told", "ends_s"], name="quota_use_near_end", condition=Q(told__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.counter} {self.used}/{self.quota}"

    @property
    def use(self) -> Use:
        """Return the row as a store takes it."""
        return Use(self.counter.encode(), self.definition, self.ends_s, self.used, self.revision)
