"""Plans, owners, overrides and use of quotas. The new column of keys may be null, so that no table is written again."""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def restore_trigger(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    # To remove the column of the plan, SQLite gets a new table of keys, and its trigger goes with the old one.
    if editor.connection.vendor == "sqlite":
        for statement in import_module("apikeys.migrations.0002_revocation_is_final").SQL["sqlite"]:
            editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0011_imported_keys"),
    ]

    operations = [
        # Undone as the last one.
        migrations.RunPython(migrations.RunPython.noop, restore_trigger),
        migrations.CreateModel(
            name="Owner",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200, unique=True)),
                ("slug", models.CharField(max_length=64, unique=True)),
                ("display_name", models.CharField(blank=True, max_length=200)),
                ("contacts", models.JSONField(default=list)),
                ("period_anchor", models.DateField(null=True)),
                ("number", models.PositiveBigIntegerField(db_index=True)),
                ("revision", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="PolicyNumber",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("number", models.PositiveBigIntegerField(default=0)),
                ("complete_below", models.PositiveBigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="QuotaUse",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("counter", models.CharField(max_length=64, unique=True)),
                ("definition", models.PositiveBigIntegerField()),
                ("ends_s", models.PositiveBigIntegerField()),
                ("used", models.PositiveBigIntegerField()),
                ("revision", models.PositiveBigIntegerField(default=0)),
                ("quota", models.PositiveBigIntegerField()),
                ("told", models.PositiveSmallIntegerField(default=0)),
                ("updated_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Override",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("limit", models.CharField(max_length=32)),
                ("rate", models.JSONField(null=True)),
                ("quota", models.PositiveBigIntegerField(null=True)),
                ("concurrency", models.PositiveIntegerField(null=True)),
                ("until", models.DateTimeField()),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("ended_at", models.DateTimeField(null=True)),
                ("number", models.PositiveBigIntegerField(db_index=True)),
                ("created_at", models.DateTimeField()),
                (
                    "key",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="overrides",
                        to="apikeys.apikey",
                        to_field="key_id",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="overrides",
                        to="apikeys.owner",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Plan",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=32, unique=True)),
                ("limits", models.JSONField(default=list)),
                ("enforces_for_keys", models.BooleanField(default=False)),
                ("enforces_for_owners", models.BooleanField(default=False)),
                ("number", models.PositiveBigIntegerField(db_index=True)),
                ("revision", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["name"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("name", ""), _negated=True), name="plan_has_name")
                ],
            },
        ),
        migrations.AddField(
            model_name="owner",
            name="plan",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="owners",
                to="apikeys.plan",
                to_field="name",
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="plan",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="keys",
                to="apikeys.plan",
                to_field="name",
            ),
        ),
        migrations.AddIndex(
            model_name="apikey",
            index=models.Index(condition=models.Q(("plan__isnull", False)), fields=["plan", "id"], name="key_by_plan"),
        ),
        migrations.AddConstraint(
            model_name="policynumber",
            constraint=models.CheckConstraint(condition=models.Q(("id", 1)), name="policy_number_is_one_row"),
        ),
        migrations.AddIndex(
            model_name="quotause",
            index=models.Index(fields=["updated_at"], name="quota_use_by_age"),
        ),
        migrations.AddIndex(
            model_name="quotause",
            index=models.Index(
                condition=models.Q(("told__gt", 0)), fields=["-told", "ends_s"], name="quota_use_near_end"
            ),
        ),
        migrations.AddConstraint(
            model_name="override",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("key__isnull", True), ("owner__isnull", False)),
                    models.Q(("key__isnull", False), ("owner__isnull", True)),
                    _connector="OR",
                ),
                name="override_has_one_subject",
            ),
        ),
        migrations.AddConstraint(
            model_name="override",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("concurrency__isnull", True), ("quota__isnull", True), ("rate__isnull", False)),
                    models.Q(("concurrency__isnull", True), ("quota__isnull", False), ("rate__isnull", True)),
                    models.Q(("concurrency__isnull", False), ("quota__isnull", True), ("rate__isnull", True)),
                    _connector="OR",
                ),
                name="override_has_one_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="override",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at__isnull", True), ("key__isnull", False)),
                fields=("key", "limit"),
                name="one_open_override_a_key_limit",
            ),
        ),
        migrations.AddConstraint(
            model_name="override",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at__isnull", True), ("owner__isnull", False)),
                fields=("owner", "limit"),
                name="one_open_override_an_owner_limit",
            ),
        ),
        migrations.AddIndex(
            model_name="owner",
            index=models.Index(fields=["plan"], name="owner_by_plan"),
        ),
        migrations.AddConstraint(
            model_name="owner",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("name", ""), _negated=True), models.Q(("slug", ""), _negated=True)),
                name="owner_has_name_and_slug",
            ),
        ),
    ]
