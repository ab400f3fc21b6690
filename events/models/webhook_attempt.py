"""Table of delivery attempts: what was sent to each webhook lately, and what came of it."""

from django.db import models

from events.models.webhook import WebhookEndpoint


class AttemptKind(models.TextChoices):
    """Why an attempt was made: an event was due, or an operator asked for a test or for a past event again."""

    EVENT = "event"
    TEST = "test"
    RESEND = "resend"


class AttemptOutcome(models.TextChoices):
    """What came of an attempt. Only a resend can be pending: its row is written when it is requested."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookAttempt(models.Model):
    """One attempt, or a resend that is still to be made. `events.webhooks.attempt_log` bounds the number of rows.

    `number` counts the attempts of one event at one endpoint from 1, and is null while the attempt is pending. `at` is
    when the attempt began, or when a pending one was requested. A test has no `event_id`.

    The body that was sent isn't stored, because it can be made again from the event.
    """

    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="attempts", db_index=False)
    kind = models.CharField(max_length=8, choices=AttemptKind.choices)
    event_id = models.BigIntegerField(null=True)
    event_type = models.CharField(max_length=64)
    number = models.PositiveIntegerField(null=True)
    outcome = models.CharField(max_length=9, choices=AttemptOutcome.choices)
    at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=200, blank=True)
    next_attempt_at = models.DateTimeField(null=True)
    request_headers = models.JSONField(default=dict)
    response_body = models.TextField(blank=True)

    class Meta:
        ordering = ["id"]
        # Permissions of the endpoint apply. There is no page that adds, changes or deletes attempts.
        default_permissions = ()
        indexes = [
            models.Index(fields=["endpoint", "id"], name="webhook_attempts_by_age"),
            # The dispatcher looks for pending resends every second, and there are hardly ever any.
            models.Index(fields=["endpoint"], condition=models.Q(outcome="pending"), name="webhook_pending_resends"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.event_id or ''} to {self.endpoint.endpoint_id}: {self.outcome}"
