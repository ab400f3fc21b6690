"""Ranking of the keys and owners with the most requests of a day."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0008_key_callers")]

    operations = [
        migrations.CreateModel(
            name="UsageRanking",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("ranked_at", models.DateTimeField()),
                ("seconds", models.FloatField()),
                ("entries", models.JSONField()),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="ranking_is_one_row")],
            },
        ),
    ]
