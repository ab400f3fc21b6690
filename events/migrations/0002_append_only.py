"""Holds in the database, whoever writes: no event is changed, none deleted before it was sealed, and no seal undone."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

SQL = {
    "sqlite": [
        """
        CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events_event
        BEGIN SELECT RAISE(ABORT, 'events are append-only'); END
        """,
        """
        CREATE TRIGGER events_are_not_replaced BEFORE INSERT ON events_event
        WHEN EXISTS (SELECT 1 FROM events_event WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'events are append-only'); END
        """,
        """
        CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events_event
        WHEN OLD.id > COALESCE((SELECT MAX(last_id) FROM events_seal), 0)
        BEGIN SELECT RAISE(ABORT, 'events are append-only'); END
        """,
        """
        CREATE TRIGGER seals_follow_each_other BEFORE INSERT ON events_seal
        WHEN NEW.first_id <> COALESCE((SELECT MAX(last_id) FROM events_seal), 0) + 1 OR NEW.last_id < NEW.first_id
            OR EXISTS (SELECT 1 FROM events_seal WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'seals are append-only'); END
        """,
        """
        CREATE TRIGGER seals_are_not_changed BEFORE UPDATE ON events_seal
        BEGIN SELECT RAISE(ABORT, 'seals are append-only'); END
        """,
        """
        CREATE TRIGGER seals_are_not_deleted BEFORE DELETE ON events_seal
        BEGIN SELECT RAISE(ABORT, 'seals are append-only'); END
        """,
    ],
    "postgresql": [
        """
        CREATE FUNCTION events_refuse_change() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'events are append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$
        """,
        """
        CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events_event
        FOR EACH ROW EXECUTE FUNCTION events_refuse_change()
        """,
        """
        CREATE FUNCTION events_sealed_through(schema_name text) RETURNS bigint LANGUAGE plpgsql AS
        $$ DECLARE sealed bigint; BEGIN
            -- By the schema's name: a temporary table of the same name would be looked at first.
            EXECUTE format('SELECT MAX(last_id) FROM %I.events_seal', schema_name) INTO sealed;
            RETURN COALESCE(sealed, 0);
        END $$
        """,
        """
        CREATE FUNCTION events_refuse_unsealed() RETURNS trigger LANGUAGE plpgsql AS
        $$ DECLARE sealed bigint; BEGIN
            EXECUTE format('SELECT %I.events_sealed_through(%L)', TG_TABLE_SCHEMA, TG_TABLE_SCHEMA) INTO sealed;
            IF OLD.id > sealed THEN
                RAISE EXCEPTION 'events are append-only' USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN OLD;
        END $$
        """,
        """
        CREATE FUNCTION events_refuse_loose_seal() RETURNS trigger LANGUAGE plpgsql AS
        $$ DECLARE sealed bigint; BEGIN
            EXECUTE format('SELECT %I.events_sealed_through(%L)', TG_TABLE_SCHEMA, TG_TABLE_SCHEMA) INTO sealed;
            IF NEW.first_id <> sealed + 1 OR NEW.last_id < NEW.first_id THEN
                RAISE EXCEPTION 'seals are append-only' USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NEW;
        END $$
        """,
        """
        CREATE TRIGGER seals_follow_each_other BEFORE INSERT ON events_seal
        FOR EACH ROW EXECUTE FUNCTION events_refuse_loose_seal()
        """,
        """
        CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events_event
        FOR EACH ROW EXECUTE FUNCTION events_refuse_unsealed()
        """,
        """
        CREATE TRIGGER seals_are_append_only BEFORE UPDATE OR DELETE ON events_seal
        FOR EACH ROW EXECUTE FUNCTION events_refuse_change()
        """,
    ],
}
UNDO = {
    "sqlite": [
        "DROP TRIGGER events_are_not_changed",
        "DROP TRIGGER events_are_not_replaced",
        "DROP TRIGGER events_are_not_deleted",
        "DROP TRIGGER seals_follow_each_other",
        "DROP TRIGGER seals_are_not_changed",
        "DROP TRIGGER seals_are_not_deleted",
    ],
    "postgresql": [
        "DROP TRIGGER events_are_not_changed ON events_event",
        "DROP TRIGGER events_are_not_deleted ON events_event",
        "DROP TRIGGER seals_are_append_only ON events_seal",
        "DROP TRIGGER seals_follow_each_other ON events_seal",
        "DROP FUNCTION events_refuse_loose_seal()",
        "DROP FUNCTION events_refuse_unsealed()",
        "DROP FUNCTION events_sealed_through(text)",
        "DROP FUNCTION events_refuse_change()",
    ],
}


def apply(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    for statement in SQL[editor.connection.vendor]:
        editor.execute(statement, params=None)


def undo(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    for statement in UNDO[editor.connection.vendor]:
        editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]
    operations = [migrations.RunPython(apply, undo)]
