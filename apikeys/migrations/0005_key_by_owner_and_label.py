"""Indexes for lists of the keys of one owner or with one label, newest first."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0004_secret_first_use")]

    operations = [
        migrations.AddIndex("apikey", models.Index(fields=["owner", "id"], name="key_by_owner")),
        migrations.AddIndex("apikey", models.Index(fields=["label", "id"], name="key_by_label")),
    ]
