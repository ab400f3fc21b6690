"""Table of webhook endpoints: configuration, and progress of delivery."""

from django.db import models
from django.db.models import Q


class DisabledReason(models.TextChoices):
    """Why nothing is sent: an operator disabled the endpoint, it failed for too long, or it returned 410."""

    NONE = "", "not disabled"
    OPERATOR = "operator"
    DEAD = "dead"
    GONE = "gone"


class WebhookEndpoint(models.Model):
    """Receiver of events. `WebhookService` writes its configuration, the dispatcher its progress.

    `revision` increases with every change of the configuration. An attempt that started before a change doesn't
    count against the endpoint.

    `delivered_through` is the ID of the last event that was delivered or filtered out. Event IDs have no gaps and
    are in commit order, so this one number represents the whole queue.
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
    resent_at = models.DateTimeField(null=True)

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
