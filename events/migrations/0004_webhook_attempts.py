"""The table of delivery attempts, and when an event was last sent again."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

KINDS = [("event", "Event"), ("test", "Test"), ("resend", "Resend")]
OUTCOMES = [("pending", "Pending"), ("delivered", "Delivered"), ("failed", "Failed")]


class Migration(migrations.Migration):
    dependencies = [("events", "0003_webhooks")]
    operations = [
        migrations.AddField("WebhookEndpoint", "resent_at", models.DateTimeField(null=True)),
        migrations.CreateModel(
            name="WebhookAttempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=KINDS, max_length=8)),
                ("event_id", models.BigIntegerField(null=True)),
                ("event_type", models.CharField(max_length=64)),
                ("number", models.PositiveIntegerField(null=True)),
                ("outcome", models.CharField(choices=OUTCOMES, max_length=9)),
                ("at", models.DateTimeField()),
                ("duration_ms", models.PositiveIntegerField(null=True)),
                ("status", models.PositiveSmallIntegerField(null=True)),
                ("error", models.CharField(blank=True, max_length=200)),
                ("next_attempt_at", models.DateTimeField(null=True)),
                ("request_headers", models.JSONField(default=dict)),
                ("response_body", models.TextField(blank=True)),
                (
                    "endpoint",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attempts",
                        to="events.webhookendpoint",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["endpoint", "id"], name="webhook_attempts_by_age"),
                    models.Index(condition=Q(outcome="pending"), fields=["endpoint"], name="webhook_pending_resends"),
                ],
            },
        ),
    ]
