"""The table of webhook endpoints: where events are sent, and how far each endpoint has got."""

from django.db import models
from django.db.models import Q


class DisabledReason(models.TextChoices):
    """Why nothing is sent: an operator said so, the endpoint failed for too long, or it answered 410."""

    NONE = "", "not disabled"
    OPERATOR = "operator"
    DEAD = "dead"
    GONE = "gone"


class WebhookEndpoint(models.Model):
    """An address that events are sent to. `WebhookEndpoints` writes what it is, the dispatcher how far it has got.

    `revision` goes up with each change of what it is: an attempt that began before a change does not count against it.

    `delivered_through` is the id of the last event that was delivered or that the filter passed over: event ids have no
    gaps and are in the order of commits, so this one number is the whole queue.
    """

    endpoint_id = models.CharField(max_length=15, unique=True)
    url = models.CharField(max_length=2000)
    label = models.CharField(max_length=200, blank=True)
    event_types = models.JSONField(default=list, blank=True)
    enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=8, choices=DisabledReason.choices, blank=True)
    created_at = models.DateTimeField()
    revision = models.PositiveIntegerField(default=0)

    salt = models.CharField(max_length=32)
    pepper_id = models.CharField(max_length=32)
    retiring_salt = models.CharField(max_length=32, blank=True)
    retiring_pepper_id = models.CharField(max_length=32, blank=True)
    retiring_until = models.DateTimeField(null=True)

    delivered_through = models.BigIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(null=True)
    last_attempt_at = models.DateTimeField(null=True)
    last_status = models.PositiveSmallIntegerField(null=True)
    last_error = models.CharField(max_length=200, blank=True)
    test_requested_at = models.DateTimeField(null=True)
    tested_at = models.DateTimeField(null=True)
    last_test = models.JSONField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(endpoint_id__regex=r"^wh_[0-9a-z]{12}$"), name="webhook_id_shape"),
            models.CheckConstraint(
                condition=Q(enabled=True, disabled_reason="") | (Q(enabled=False) & ~Q(disabled_reason="")),
                name="webhook_disabled_has_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint_id} ({self.label})" if self.label else self.endpoint_id
