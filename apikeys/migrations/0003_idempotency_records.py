"""The table of creations that a client may repeat."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0002_revocation_is_final"),
    ]

    operations = [
        migrations.CreateModel(
            name="IdempotencyRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("caller", models.CharField(max_length=15)),
                ("name_digest", models.CharField(max_length=64)),
                ("request_digest", models.CharField(max_length=64)),
                ("answer_json", models.TextField()),
                ("created_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("caller", "name_digest"), name="one_answer_an_idempotency_key")
                ],
            },
        ),
    ]
