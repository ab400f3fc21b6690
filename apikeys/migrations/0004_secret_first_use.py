"""When a secret was first used: quiet of the one that it replaces counts from then on."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0003_idempotency_records")]
    operations = [migrations.AddField("keysecret", "first_used_at", models.DateTimeField(null=True))]
