"""Holds in the database that a revocation is never undone or moved, whoever writes."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

SQL = {
    "sqlite": [
        """
        CREATE TRIGGER apikeys_revocation_is_final BEFORE UPDATE ON apikeys_apikey
        WHEN OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NOT OLD.revoked_at
        BEGIN SELECT RAISE(ABORT, 'a revocation is final'); END
        """
    ],
    "postgresql": [
        """
        CREATE FUNCTION apikeys_refuse_unrevoking() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'a revocation is final' USING ERRCODE = 'integrity_constraint_violation'; END $$
        """,
        """
        CREATE TRIGGER apikeys_revocation_is_final BEFORE UPDATE ON apikeys_apikey FOR EACH ROW
        WHEN (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)
        EXECUTE FUNCTION apikeys_refuse_unrevoking()
        """,
    ],
}
UNDO = {
    "sqlite": ["DROP TRIGGER apikeys_revocation_is_final"],
    "postgresql": [
        "DROP TRIGGER apikeys_revocation_is_final ON apikeys_apikey",
        "DROP FUNCTION apikeys_refuse_unrevoking()",
    ],
}


def apply(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    for statement in SQL[editor.connection.vendor]:
        editor.execute(statement)


def undo(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    for statement in UNDO[editor.connection.vendor]:
        editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0001_initial")]
    operations = [migrations.RunPython(apply, undo)]
