"""Emptying the tables after a test that commits.

Django's own way empties all of them, and then makes content types, permissions and roles again, which takes most of the
time of a short test. Here the rows that migrations make are kept, and are put back if a test has changed them.
"""

from typing import Final

from django.apps import apps
from django.core.management.color import no_style
from django.db import connection, models, transaction
from django.test import TransactionTestCase

_KEPT: Final = ("contenttypes.ContentType", "auth.Permission", "auth.Group", "auth.Group_permissions")
Rows = list[tuple[object, ...]]


def keep_what_migrations_made() -> None:
    """Replace how every later test empties the tables. The database has just been migrated."""
    kept = {model: _rows(model) for model in map(apps.get_model, _KEPT)}

    def empty(_: TransactionTestCase) -> None:
        names = {model._meta.db_table for model in kept} | {"django_migrations"}
        found = connection.introspection.django_table_names(only_existing=True, include_views=False)
        emptied = [name for name in found if name not in names]
        flush = connection.ops.sql_flush(no_style(), emptied, reset_sequences=False, allow_cascade=False)
        connection.ops.execute_sql_flush(flush)
        changed = [model for model, rows in kept.items() if _rows(model) != rows]
        if changed:
            _put_back(kept)

    TransactionTestCase._fixture_teardown = empty  # type: ignore[attr-defined]


def _rows(model: type[models.Model]) -> Rows:
    return list(model._default_manager.order_by("pk").values_list())


def _put_back(kept: dict[type[models.Model], Rows]) -> None:
    with transaction.atomic():
        for model in reversed(kept):
            model._default_manager.all()._raw_delete(connection.alias)
        for model, rows in kept.items():
            names = [field.attname for field in model._meta.concrete_fields]
            model._default_manager.bulk_create([model(**dict(zip(names, row, strict=True))) for row in rows])
