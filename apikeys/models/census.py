"""Database model of the cached key counts."""

from django.db import models


class KeyCensus(models.Model):
    """The single row with the number of keys in each state when they were last counted."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    taken_at = models.DateTimeField()
    counts = models.JSONField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="census_is_one_row")]

    def __str__(self) -> str:
        return f"keys at {self.taken_at:%Y-%m-%d %H:%M}"
