"""Callers of keys: the addresses and services that use each key."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0007_lists_by_state")]

    operations = [
        migrations.CreateModel(
            name="KeyCaller",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("address", "Address"), ("service", "Service")], max_length=7)),
                ("value", models.CharField(max_length=128)),
                ("requests", models.PositiveBigIntegerField()),
                ("first_seen", models.DateTimeField()),
                ("last_seen", models.DateTimeField()),
                (
                    "key",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="callers",
                        to="apikeys.apikey",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("key", "kind", "value"), name="one_row_a_key_and_caller")
                ],
                "indexes": [models.Index(fields=["last_seen"], name="caller_by_age")],
            },
        ),
    ]
