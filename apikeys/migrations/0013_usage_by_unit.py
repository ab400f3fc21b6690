"""Usage by unit, and how many rows it has. Both tables are new, so no row of usage is written again."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

STEPS = [("minute", "Minute"), ("hour", "Hour"), ("day", "Day")]


def leave_room(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Leave room in each page for the new version of a mark, which needs no new entry in an index then."""
    if editor.connection.vendor == "postgresql":
        editor.execute("ALTER TABLE apikeys_unitmark SET (fillfactor = 70)")


def key_field(related_name: str) -> "models.ForeignKey[models.Model, models.Model]":
    return models.ForeignKey(
        db_constraint=False,
        db_index=False,
        on_delete=django.db.models.deletion.CASCADE,
        related_name=related_name,
        to="apikeys.apikey",
    )


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0012_plans")]

    operations = [
        migrations.AddField("usagetotal", "unit_rows", models.PositiveBigIntegerField(db_default=0)),
        migrations.CreateModel(
            name="UnitMark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("unit", models.CharField(max_length=32)),
                ("place", models.PositiveSmallIntegerField()),
                ("charged", models.PositiveBigIntegerField(default=0)),
                ("returned", models.PositiveBigIntegerField(default=0)),
                ("key", key_field("unit_marks")),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="unit_marks",
                        to="apikeys.usagesource",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("key", "unit", "place", "source"), name="one_mark_a_key_unit_and_place"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UnitUsage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("step", models.CharField(choices=STEPS, max_length=6)),
                ("start", models.DateTimeField()),
                ("unit", models.CharField(max_length=32)),
                ("charged", models.PositiveBigIntegerField(default=0)),
                ("returned", models.PositiveBigIntegerField(default=0)),
                ("key", key_field("unit_usage")),
            ],
            options={
                "indexes": [models.Index(fields=["step", "start"], name="unit_usage_by_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("key", "step", "start", "unit"), name="one_row_a_key_step_and_unit")
                ],
            },
        ),
        migrations.RunPython(leave_room, migrations.RunPython.noop),
    ]
