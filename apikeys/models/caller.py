"""Database model of the callers of keys."""

from django.db import models

from apikeys.models.key import APIKey


class CallerKind(models.TextChoices):
    """What names a caller."""

    ADDRESS = "address"
    SERVICE = "service"


class KeyCaller(models.Model):
    """A client address or a service that uses a key. `requests` is an estimate from samples.

    Each key has a few rows of each kind: see `apikeys.callers.rows`.
    """

    key = models.ForeignKey(APIKey, on_delete=models.CASCADE, related_name="callers", db_index=False)
    kind = models.CharField(max_length=7, choices=CallerKind.choices)
    value = models.CharField(max_length=128)
    requests = models.PositiveBigIntegerField()
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "kind", "value"], name="one_row_a_key_and_caller")]
        indexes = [models.Index(fields=["last_seen"], name="caller_by_age")]

    def __str__(self) -> str:
        return f"{self.key_id} {self.kind} {self.value}"
