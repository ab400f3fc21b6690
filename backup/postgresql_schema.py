"""PostgreSQL schema reset: recreates the tables of the backup's migrations, without rows."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from psycopg import sql

from backup.archive import table_names
from backup.errors import BackupFailed

# Drops every routine except those of extensions, including those that only a newer Latchkey knows.
_ROUTINES: Final = """
DO $$ DECLARE found record; BEGIN
    FOR found IN SELECT oid::regprocedure AS name FROM pg_proc
        WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
        AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e') LOOP
        EXECUTE format('DROP ROUTINE %s CASCADE', found.name);
    END LOOP;
END $$"""


def recreate(migrations: Collection[str]) -> None:
    """Drop everything and recreate the tables of those migrations, within the transaction. Raise BackupFailed."""
    with connection.cursor() as cursor:
        # Otherwise the foreign key checks of rows that a migration inserts stay pending until the end, and
        # PostgreSQL alters no table that has pending checks.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for name in table_names():
            cursor.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier(name)))
        cursor.execute(_ROUTINES)
        _migrate({(app, name) for app, _, name in (known.partition(".") for known in migrations)})
        cursor.execute(sql.SQL("TRUNCATE {}").format(_listed(table_names())))
    ContentType.objects.clear_cache()


@contextmanager
def without_triggers(names: Sequence[str]) -> Iterator[None]:
    """Disable user triggers and defer foreign keys within the block. Foreign keys are checked at its end."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for name in names:
            cursor.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(sql.Identifier(name)))
        yield
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for name in names:
            cursor.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(sql.Identifier(name)))


def _migrate(known: Collection[tuple[str, str]]) -> None:
    executor = MigrationExecutor(connection)
    nodes = executor.loader.graph.node_map
    last = [
        node for node in sorted(known) if node in nodes
        and not any(child.key in known and child.key[0] == node[0] for child in nodes[node].children)
    ]  # fmt: skip
    plan = executor.migration_plan(last)
    if {(migration.app_label, migration.name) for migration, _ in plan} != {node for node in known if node in nodes}:
        raise BackupFailed("The backup's migrations do not follow each other. Take another backup.")
    executor.migrate(last, plan)


def _listed(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
