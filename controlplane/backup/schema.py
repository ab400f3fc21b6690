"""A PostgreSQL schema as the migrations that a backup knows leave it, and without a row."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from psycopg import sql

from controlplane.backup.archive import table_names
from controlplane.backup.errors import BackupFailed

# What the schema holds, but for what extensions brought: a table that only a newer Latchkey knows goes too.
_ROUTINES: Final = """
DO $$ DECLARE found record; BEGIN
    FOR found IN SELECT oid::regprocedure AS name FROM pg_proc
        WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
        AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e') LOOP
        EXECUTE format('DROP ROUTINE %s CASCADE', found.name);
    END LOOP;
END $$"""


def make_anew(migrations: Collection[str]) -> None:
    """Drops all and makes the tables of those migrations, within the transaction. Raises BackupFailed."""
    with connection.cursor() as cursor:
        # A row that a migration makes waits with its foreign keys for the end else, and no table can be altered then.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for name in table_names():
            cursor.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier(name)))
        cursor.execute(_ROUTINES)
        _migrate({(app, name) for app, _, name in (known.partition(".") for known in migrations)})
        cursor.execute(sql.SQL("TRUNCATE {}").format(_listed(table_names())))
    ContentType.objects.clear_cache()


@contextmanager
def without_triggers(names: Sequence[str]) -> Iterator[None]:
    """Triggers that refuse a change, and foreign keys, wait until the block ends; the keys are looked at then."""
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
        raise BackupFailed("The migrations of the backup are none that follow each other. Take another backup.")
    executor.migrate(last, plan)


def _listed(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
