"""Database models of keys' usage."""

from django.db import models
from django.db.models import Q

from apikeys.models.key import APIKey


class UsageStep(models.TextChoices):
    """Length of the time steps for which usage is stored."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class Usage(models.Model):
    """Allowed and throttled requests of one key within one minute, hour or day (UTC)."""

    key = models.ForeignKey(APIKey, on_delete=models.CASCADE, related_name="usage")
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
    """Allowed and throttled requests of all keys together within one minute, hour or day (UTC)."""

    step = models.CharField(max_length=6, choices=UsageStep.choices)
    start = models.DateTimeField()
    allowed = models.PositiveBigIntegerField(default=0)
    throttled = models.PositiveBigIntegerField(default=0)

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
    """High-water mark: up to which value a key's counters in one bucket store are written to the database."""

    key = models.ForeignKey(APIKey, on_delete=models.CASCADE, related_name="usage_marks", db_index=False)
    source = models.ForeignKey(UsageSource, on_delete=models.CASCADE, related_name="marks")
    allowed = models.PositiveBigIntegerField(default=0)
    throttled = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "source"], name="one_mark_a_key_and_store")]

    def __str__(self) -> str:
        return f"{self.key_id} {self.allowed}/{self.throttled}"
