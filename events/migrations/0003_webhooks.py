"""The table of webhook endpoints."""

from django.db import migrations, models
from django.db.models import Q

WEBHOOK_ID = r"^wh_[0-9a-z]{12}$"
DISABLED_REASONS = [("", "not disabled"), ("operator", "Operator"), ("dead", "Dead"), ("gone", "Gone")]


class Migration(migrations.Migration):
    dependencies = [("events", "0002_append_only")]
    operations = [
        migrations.CreateModel(
            name="WebhookEndpoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("endpoint_id", models.CharField(max_length=15, unique=True)),
                ("url", models.CharField(max_length=2000)),
                ("label", models.CharField(blank=True, max_length=200)),
                ("event_types", models.JSONField(blank=True, default=list)),
                ("enabled", models.BooleanField(default=True)),
                ("disabled_reason", models.CharField(blank=True, choices=DISABLED_REASONS, max_length=8)),
                ("created_at", models.DateTimeField()),
                ("revision", models.PositiveIntegerField(default=0)),
                ("salt", models.CharField(max_length=32)),
                ("pepper_id", models.CharField(max_length=32)),
                ("retiring_salt", models.CharField(blank=True, max_length=32)),
                ("retiring_pepper_id", models.CharField(blank=True, max_length=32)),
                ("retiring_until", models.DateTimeField(null=True)),
                ("delivered_through", models.BigIntegerField(default=0)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("failing_since", models.DateTimeField(null=True)),
                ("next_attempt_at", models.DateTimeField(null=True)),
                ("last_attempt_at", models.DateTimeField(null=True)),
                ("last_status", models.PositiveSmallIntegerField(null=True)),
                ("last_error", models.CharField(blank=True, max_length=200)),
                ("test_requested_at", models.DateTimeField(null=True)),
                ("tested_at", models.DateTimeField(null=True)),
                ("last_test", models.JSONField(null=True)),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.CheckConstraint(condition=Q(endpoint_id__regex=WEBHOOK_ID), name="webhook_id_shape"),
                    models.CheckConstraint(
                        condition=Q(enabled=True, disabled_reason="") | (Q(enabled=False) & ~Q(disabled_reason="")),
                        name="webhook_disabled_has_reason",
                    ),
                ],
            },
        ),
    ]
