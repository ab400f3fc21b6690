"""Database model of the cached ranking of usage."""

from django.db import models


class UsageRanking(models.Model):
    """The single row with the keys and owners of the most requests of a day (UTC), when they were last ranked.

    `seconds` is how long that took. `entries` is as `apikeys.usage.ranking` describes it.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    ranked_at = models.DateTimeField()
    seconds = models.FloatField()
    entries = models.JSONField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="ranking_is_one_row")]

    def __str__(self) -> str:
        return f"usage at {self.ranked_at:%Y-%m-%d %H:%M}"
