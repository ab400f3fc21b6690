"""Database models of keys' usage by unit, for example in tokens. `apikeys.usage.units` writes them."""

from django.db import models

from apikeys.models.key import APIKey
from apikeys.models.usage import UsageSource, UsageStep

_UNIT_LENGTH = 32


class UnitUsage(models.Model):
    """What one key was charged in one unit, and what it was given back, within one minute, hour or day (UTC).

    There is no row for the unit requests: see `Usage`. What is given back belongs to the time of the charge.
    """

    # No constraint in the database, as in `Usage`.
    key = models.ForeignKey(
        APIKey, on_delete=models.CASCADE, related_name="unit_usage", db_index=False, db_constraint=False
    )
    step = models.CharField(max_length=6, choices=UsageStep.choices)
    start = models.DateTimeField()
    unit = models.CharField(max_length=_UNIT_LENGTH)
    charged = models.PositiveBigIntegerField(default=0)
    returned = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "step", "start", "unit"], name="one_row_a_key_step_and_unit")
        ]
        indexes = [models.Index(fields=["step", "start"], name="unit_usage_by_age")]

    def __str__(self) -> str:
        return f"{self.key_id} {self.unit} {self.step} {self.start:%Y-%m-%d %H:%M}"


class UnitMark(models.Model):
    """High-water mark of usage by unit: up to which totals one place of a key's counter in one store is written down.

    `place` is the position in `ratelimit.unit_counters.UnitCounter`.
    """

    key = models.ForeignKey(
        APIKey, on_delete=models.CASCADE, related_name="unit_marks", db_index=False, db_constraint=False
    )
    source = models.ForeignKey(UsageSource, on_delete=models.CASCADE, related_name="unit_marks")
    unit = models.CharField(max_length=_UNIT_LENGTH)
    place = models.PositiveSmallIntegerField()
    # None of these has an index, so that PostgreSQL updates a row in its page (HOT). Migration 0013 leaves room there.
    charged = models.PositiveBigIntegerField(default=0)
    returned = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "unit", "place", "source"], name="one_mark_a_key_unit_and_place")
        ]

    def __str__(self) -> str:
        return f"{self.key_id} {self.unit} {self.charged}/{self.returned}"
