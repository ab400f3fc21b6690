"""The groups viewer, operator and administrator, and what each may do."""

from typing import Any

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

VIEWER = (
    "apikeys.view_apikey",
    "events.view_event",
    "events.view_webhookendpoint",
    "health.view_incident",
    "health.view_waiver",
)
OPERATOR = (
    *VIEWER,
    "apikeys.add_apikey",
    "apikeys.change_apikey",
    "events.add_webhookendpoint",
    "events.change_webhookendpoint",
    "events.delete_webhookendpoint",
    "health.add_waiver",
)
ADMINISTRATOR = (
    *OPERATOR,
    *(f"auth.{action}_{model}" for model in ("user", "group") for action in ("view", "add", "change", "delete")),
)
ROLES = {"viewer": VIEWER, "operator": OPERATOR, "administrator": ADMINISTRATOR}


def make_roles(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    for label in ("apikeys", "events", "health", "auth"):
        # Django itself makes them only after all migrations.
        create_permissions(installed.get_app_config(label), apps=apps, using=alias, verbosity=0)
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    for role, names in ROLES.items():
        group, _ = apps.get_model("auth", "Group").objects.using(alias).get_or_create(name=role)
        for name in names:
            label, _, codename = name.partition(".")
            group.permissions.add(permissions.get(content_type__app_label=label, codename=codename))


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0002_revocation_is_final"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("events", "0003_webhooks"),
        ("health", "0001_initial"),
    ]

    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
