"""Database models of keys' usage."""

from datetime import datetime

from django.db import models
from django.db.models import Q

from apikeys.models.key import APIKey


class UsageStep(models.TextChoices):
    """Length of the time steps for which usage is stored."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class Usage(models.Model):
    """Allowed and throttled requests of one key within one minute, hour or day (UTC).

    A row of an hour or a day lacks what is still in the `hour_allowed` of the key's marks: read both, with
    `apikeys.usage.points`.
    """

    # No constraint in the database: PostgreSQL would lock the key's row each time that a row is added here. The
    # unique constraint is the index.
    key = models.ForeignKey(APIKey, on_delete=models.CASCADE, related_name="usage", db_index=False, db_constraint=False)
    step = models.CharField(max_length=6, choices=UsageStep.choices)
    start = models.DateTimeField()
    allowed = models.PositiveBigIntegerField(default=0)
    throttled = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "step", "start"], name="one_row_a_key_and_step")]
        indexes = [
            models.Index(fields=["step", "start"], name="usage_by_age"),
            models.Index(fields=["step", "start"], name="usage_throttled", condition=Q(throttled__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.key_id} {self.step} {self.start:%Y-%m-%d %H:%M}"


class UsageTotal(models.Model):
    """Allowed and throttled requests of all keys together within one minute, hour or day (UTC).

    `keys` is the number of rows that `Usage` has for this step and start, and `unit_rows` that of `UnitUsage`.
    """

    step = models.CharField(max_length=6, choices=UsageStep.choices)
    start = models.DateTimeField()
    allowed = models.PositiveBigIntegerField(default=0)
    throttled = models.PositiveBigIntegerField(default=0)
    keys = models.PositiveBigIntegerField(default=0)
    # The database has the default, so that usage of requests is written without this column.
    unit_rows = models.PositiveBigIntegerField(db_default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step", "start"], name="one_total_a_step")]

    def __str__(self) -> str:
        return f"{self.step} {self.start:%Y-%m-%d %H:%M}"


class UsageSource(models.Model):
    """A bucket store that counts usage, identified by its generation. `seen_at` is when it was last read."""

    generation = models.CharField(max_length=64, unique=True)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.generation}, seen {self.seen_at:%Y-%m-%d %H:%M}"


class UsageMark(models.Model):
    """High-water mark: up to which value a key's counters in one bucket store are written to the database.

    Next to it is what would otherwise be another row to write: when the secret in each slot was used according to
    this store, for the first and the last time, and the allowed requests of the hour that begins at `hour_at` which
    the rows of that hour and its day don't contain yet. `apikeys.usage.batch` writes it.
    """

    key = models.ForeignKey(
        APIKey, on_delete=models.CASCADE, related_name="usage_marks", db_index=False, db_constraint=False
    )
    source = models.ForeignKey(UsageSource, on_delete=models.CASCADE, related_name="marks")
    allowed = models.PositiveBigIntegerField(default=0)
    throttled = models.PositiveBigIntegerField(default=0)
    # None of these has an index, so that PostgreSQL updates a row in its page (HOT). Migration 0008 leaves room there.
    used_0_at = models.DateTimeField(null=True)
    used_1_at = models.DateTimeField(null=True)
    first_0_at = models.DateTimeField(null=True)
    first_1_at = models.DateTimeField(null=True)
    hour_at = models.DateTimeField(null=True)
    hour_allowed = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "source"], name="one_mark_a_key_and_store")]

    def __str__(self) -> str:
        return f"{self.key_id} {self.allowed}/{self.throttled}"

    @property
    def used(self) -> tuple[datetime | None, datetime | None]:
        """Return when the secret in slot 0 and in slot 1 was last used. It may be one that has ended."""
        return self.used_0_at, self.used_1_at

    @property
    def first_used(self) -> tuple[datetime | None, datetime | None]:
        """Return when the secret in slot 0 and in slot 1 was first used. It may be one that has ended."""
        return self.first_0_at, self.first_1_at
