"""The tables of keys' use."""

from django.db import models
from django.db.models import Q

from apikeys.models.key import APIKey


class UsageStep(models.TextChoices):
    """The lengths of time by which use is kept."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class Usage(models.Model):
    """How often a key was let pass and throttled within one minute, hour or day of UTC."""

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
    """How often all keys together were let pass and throttled within one minute, hour or day of UTC."""

    step = models.CharField(max_length=6, choices=UsageStep.choices)
    start = models.DateTimeField()
    allowed = models.PositiveBigIntegerField(default=0)
    throttled = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step", "start"], name="one_total_a_step")]

    def __str__(self) -> str:
        return f"{self.step} {self.start:%Y-%m-%d %H:%M}"


class UsageSource(models.Model):
    """A bucket store that counts use, by the generation of its contents; `seen_at` is when it was last looked at."""

    generation = models.CharField(max_length=64, unique=True)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.generation}, seen {self.seen_at:%Y-%m-%d %H:%M}"


class UsageMark(models.Model):
    """How far a key's counters in one bucket store are written down, so that nothing is counted twice or lost."""

    key = models.ForeignKey(APIKey, on_delete=models.CASCADE, related_name="usage_marks", db_index=False)
    source = models.ForeignKey(UsageSource, on_delete=models.CASCADE, related_name="marks")
    allowed = models.PositiveBigIntegerField(default=0)
    throttled = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "source"], name="one_mark_a_key_and_store")]

    def __str__(self) -> str:
        return f"{self.key_id} {self.allowed}/{self.throttled}"
