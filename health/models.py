"""Tables of health: the steward's lease, incidents, waivers, failure bursts, store outages, and the last backup."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q


class Lease(models.Model):
    """A named right that one holder has until it expires; `health.scheduler.lease` takes and releases it."""

    name = models.CharField(max_length=64, primary_key=True)
    holder = models.CharField(max_length=64, blank=True)
    expires_at = models.DateTimeField()

    objects: ClassVar[models.Manager["Lease"]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.name}: {self.holder or 'free'}"


class Incident(models.Model):
    """Period in which a guard rail is violated; open while `closed_at` is null, at most one per guard rail.

    `opened_by` and `closed_by` are the IDs of the `HealthChanged` events that reported it; null for a notice,
    which doesn't change health. `count` and `detail` are those of the last evaluation.
    """

    guard_rail = models.CharField(max_length=64)
    severity = models.CharField(max_length=8)
    count = models.PositiveIntegerField()
    detail = models.TextField()
    opened_at = models.DateTimeField()
    opened_by = models.BigIntegerField(null=True)
    closed_at = models.DateTimeField(null=True)
    closed_by = models.BigIntegerField(null=True)

    objects: ClassVar[models.Manager["Incident"]] = models.Manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["guard_rail"], condition=Q(closed_at__isnull=True), name="one_open_incident_a_guard_rail"
            )
        ]

    def __str__(self) -> str:
        return f"{self.guard_rail} since {self.opened_at:%Y-%m-%d %H:%M} UTC"


class WaiverQuerySet(models.QuerySet["Waiver"]):
    """Waivers, by whether they are in force."""

    def in_force(self, now: datetime) -> "WaiverQuerySet":
        """Return the waivers that silence their guard rail at `now`."""
        return self.filter(ended_at__isnull=True, ends_at__gt=now)


class Waiver(models.Model):
    """Permission to violate a guard rail until `ends_at`: for one key, or for all if `key_id` is empty."""

    guard_rail = models.CharField(max_length=64)
    key_id = models.CharField(max_length=15, blank=True)
    reason = models.CharField(max_length=200)
    granted_by = models.CharField(max_length=200)
    granted_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=200, blank=True)

    objects = WaiverQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["guard_rail", "ends_at"], name="waiver_by_guard_rail")]

    def __str__(self) -> str:
        return f"{self.guard_rail} for {self.key_id or 'all'} until {self.ends_at:%Y-%m-%d %H:%M:%S} UTC"


class FailureBurst(models.Model):
    """Address over AUTH_FAILURE_LIMIT, and how often it was throttled. The row is deleted once that has stopped."""

    address = models.CharField(max_length=64, primary_key=True)
    since = models.DateTimeField()
    last_at = models.DateTimeField()
    refused = models.PositiveBigIntegerField()

    objects: ClassVar[models.Manager["FailureBurst"]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.address} since {self.since:%Y-%m-%d %H:%M}"


class StoreOutage(models.Model):
    """Node that is cut off from its bucket store. The row is renewed while that lasts, and deleted afterwards."""

    node = models.CharField(max_length=32, primary_key=True)
    host = models.CharField(max_length=255)
    since = models.DateTimeField()
    seen_at = models.DateTimeField()

    objects: ClassVar[models.Manager["StoreOutage"]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.host} since {self.since:%Y-%m-%d %H:%M}"


class LastBackup(models.Model):
    """Time of the newest good backup: one row, once there is one."""

    made_at = models.DateTimeField()

    objects: ClassVar[models.Manager["LastBackup"]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.made_at:%Y-%m-%d %H:%M:%S} UTC"
