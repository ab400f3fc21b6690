"""What the roles may do with plans and owners."""

from typing import Any

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

VIEWER = ("view_plan", "view_owner")
OPERATOR = (*VIEWER, *(f"{action}_{model}" for model in ("plan", "owner") for action in ("add", "change", "delete")))
ROLES = {"viewer": VIEWER, "operator": OPERATOR, "administrator": OPERATOR}


def extend_roles(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    # Django itself makes them only after all migrations.
    create_permissions(installed.get_app_config("apikeys"), apps=apps, using=alias, verbosity=0)
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    for role, names in ROLES.items():
        # An administrator can't delete these roles, but another program could have.
        group, _ = apps.get_model("auth", "Group").objects.using(alias).get_or_create(name=role)
        group.permissions.add(*permissions.filter(content_type__app_label="apikeys", codename__in=names))


class Migration(migrations.Migration):
    dependencies = [("access", "0001_roles"), ("apikeys", "0012_plans")]

    operations = [migrations.RunPython(extend_roles, migrations.RunPython.noop)]
