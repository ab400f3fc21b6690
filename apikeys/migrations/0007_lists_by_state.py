"""Indexes for lists of the keys in a state that few of many keys are in."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0006_search_by_any_part")]

    operations = [
        migrations.AddIndex(
            "apikey", models.Index(fields=["id"], name="key_revoked", condition=Q(revoked_at__isnull=False))
        ),
        migrations.AddIndex(
            "apikey",
            models.Index(fields=["id"], name="key_disabled", condition=Q(revoked_at__isnull=True, enabled=False)),
        ),
        migrations.AddIndex(
            "apikey",
            models.Index(
                fields=["id"], name="key_unlimited", condition=Q(revoked_at__isnull=True, rate_limit__isnull=True)
            ),
        ),
        migrations.AddIndex(
            "keysecret",
            models.Index(fields=["expires_at"], name="secret_retiring", condition=Q(state="retiring")),
        ),
    ]
