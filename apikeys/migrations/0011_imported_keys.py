"""Tables and columns of imported keys. Every new column may be null, so that no table is written again."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0010_usage_in_bulk")]

    operations = [
        migrations.CreateModel(
            name="ImportSource",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=64, unique=True)),
                ("hash", models.CharField(max_length=32)),
                ("prefix", models.CharField(blank=True, max_length=64)),
                ("alphabet", models.CharField(max_length=32)),
                ("min_length", models.PositiveSmallIntegerField()),
                ("max_length", models.PositiveSmallIntegerField()),
                ("created_at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            "apikey",
            "import_event",
            models.BigIntegerField(
                editable=False,
                help_text="ID of the event KeysImported by which an imported key was issued.",
                null=True,
            ),
        ),
        migrations.AddField("keysecret", "foreign_hash", models.CharField(max_length=32, null=True)),
        migrations.AddField(
            "keysecret",
            "source",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="apikeys.importsource",
            ),
        ),
        migrations.AddIndex(
            "keysecret",
            models.Index(fields=["created_at"], name="secret_foreign", condition=Q(foreign_hash__isnull=False)),
        ),
        migrations.AddConstraint(
            "keysecret",
            models.UniqueConstraint(fields=["digest"], condition=Q(source__isnull=False), name="one_key_a_token"),
        ),
    ]
