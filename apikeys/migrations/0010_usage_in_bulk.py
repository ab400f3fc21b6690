"""Moves last use from keys and secrets to the high-water marks, and counts the rows of usage by step."""

from datetime import datetime
from itertools import groupby
from typing import Any

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Now

BATCH = 2000
ARCHIVE = "archive"
TIMES = ["used_0_at", "used_1_at", "first_0_at", "first_1_at"]


def move_last_use(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Write a mark of the archive for every key that was used: all stores count for it together."""
    api_key, key_secret, mark, source = (
        apps.get_model("apikeys", name) for name in ("APIKey", "KeySecret", "UsageMark", "UsageSource")
    )
    used = api_key.objects.filter(last_used_at__isnull=False).order_by("pk")
    archive, last = None, 0
    while keys := list(used.filter(pk__gt=last).only("pk", "last_used_at")[:BATCH]):
        last = keys[-1].pk
        archive = archive or source.objects.create(generation=ARCHIVE, seen_at=Now())
        secrets = key_secret.objects.filter(key__in=keys).order_by("key_id")
        of_key = {pk: {one.slot: one for one in found} for pk, found in groupby(secrets, lambda one: one.key_id)}
        mark.objects.bulk_create(
            mark(key=key, source=archive, **_times(key.last_used_at, of_key.get(key.pk, {}))) for key in keys
        )
    if editor.connection.vendor == "postgresql":
        # Otherwise the table can't be altered in this transaction.
        editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _times(key_used_at: datetime, secrets: dict[int, Any]) -> dict[str, datetime | None]:
    times: dict[str, datetime | None] = dict.fromkeys(TIMES)
    for slot, secret in secrets.items():
        times[f"used_{slot}_at"] = secret.last_used_at
        times[f"first_{slot}_at"] = secret.first_used_at or secret.last_used_at
    if all(used is None or used < key_used_at for used in (times["used_0_at"], times["used_1_at"])):
        # The last use was of a secret that has ended. Nothing takes it for that of the secret that has its slot now.
        times[f"used_{_slot_of_ended(key_used_at, secrets)}_at"] = key_used_at
    return times


def _slot_of_ended(used_at: datetime, secrets: dict[int, Any]) -> int:
    free = (slot for slot in (0, 1) if slot not in secrets or secrets[slot].created_at > used_at)
    return next(free, next((slot for slot, secret in secrets.items() if secret.state == "active"), 0))


def move_back(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Write last use to the keys and secrets again, and what marks hold of an hour to the rows of usage."""
    api_key, key_secret, mark, usage = (
        apps.get_model("apikeys", name) for name in ("APIKey", "KeySecret", "UsageMark", "Usage")
    )
    for one in mark.objects.order_by("pk").iterator(BATCH):
        for slot, used_at, first_at in ((0, one.used_0_at, one.first_0_at), (1, one.used_1_at, one.first_1_at)):
            if used_at is None:
                continue
            unused = Q(last_used_at__isnull=True) | Q(last_used_at__lt=used_at)
            api_key.objects.filter(unused, pk=one.key_id).update(last_used_at=used_at)
            secrets = key_secret.objects.filter(key_id=one.key_id, slot=slot, created_at__lte=used_at)
            secrets.filter(unused).update(last_used_at=used_at)
            secrets.filter(first_used_at__isnull=True, created_at__lte=first_at or used_at).update(
                first_used_at=first_at or used_at
            )
        if one.hour_allowed:
            for step, start in (("hour", one.hour_at), ("day", one.hour_at.replace(hour=0))):
                row, _ = usage.objects.get_or_create(key_id=one.key_id, step=step, start=start)
                usage.objects.filter(pk=row.pk).update(allowed=models.F("allowed") + one.hour_allowed)
    mark.objects.filter(source__generation=ARCHIVE).delete()
    apps.get_model("apikeys", "UsageSource").objects.filter(generation=ARCHIVE).delete()
    if editor.connection.vendor == "postgresql":
        editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def count_rows(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Count the rows of each step, which the totals hold from now on."""
    rows = apps.get_model("apikeys", "Usage").objects.filter(step=OuterRef("step"), start=OuterRef("start"))
    count = rows.order_by().values("step", "start").annotate(rows=Count("pk")).values("rows")
    apps.get_model("apikeys", "UsageTotal").objects.update(keys=Coalesce(Subquery(count), 0))


def leave_room(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Leave room in each page for the new version of a mark, which needs no new entry in an index then."""
    if editor.connection.vendor == "postgresql":
        editor.execute("ALTER TABLE apikeys_usagemark SET (fillfactor = 70)")


def leave_no_room(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute("ALTER TABLE apikeys_usagemark RESET (fillfactor)")


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0009_usage_ranking")]

    operations = [
        *(migrations.AddField("usagemark", name, models.DateTimeField(null=True)) for name in [*TIMES, "hour_at"]),
        migrations.AddField("usagemark", "hour_allowed", models.PositiveBigIntegerField(default=0)),
        migrations.AddField("usagetotal", "keys", models.PositiveBigIntegerField(default=0)),
        migrations.RunPython(leave_room, leave_no_room),
        migrations.AlterField(
            "usage",
            "key",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="usage",
                to="apikeys.apikey",
            ),
        ),
        migrations.AlterField(
            "usagemark",
            "key",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="usage_marks",
                to="apikeys.apikey",
            ),
        ),
        migrations.RunPython(move_last_use, move_back),
        migrations.RunPython(count_rows, migrations.RunPython.noop),
        migrations.RemoveField("apikey", "last_used_at"),
        migrations.RemoveField("keysecret", "first_used_at"),
        migrations.RemoveField("keysecret", "last_used_at"),
    ]
