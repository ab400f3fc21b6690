"""PostgreSQL backups: a copy of one snapshot, and a restore in one transaction, without client programs."""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
from django.db import DatabaseError, connection, transaction
from django.db.migrations.loader import MigrationLoader

from backup.archive import open_archive, read_table, table_names, write_tables
from backup.database_facts import Facts, read_facts
from backup.errors import BackupFailed, BackupRefused
from backup.postgresql_schema import recreate, without_triggers
from backup.schema.sql import run_sql
from latchkey.redaction import redact

_CLOSING_SECONDS: Final = 2.0
_OTHERS: Final = (
    "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend'"
)


def copy_database(target: Path) -> Facts:
    """Copy the settings' database schema to the new file `target`. Return the facts of the same snapshot.

    Raise BackupRefused, BackupFailed or DatabaseError.
    """
    with _one_line_errors(), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        facts, names = read_facts(run_sql), table_names()
        _refuse_other_schema(names)
        _refuse_foreign_tables(names, facts.migrations)
        write_tables(names, target)
    return facts


def replace_database(archive: Path, migrations: Collection[str]) -> None:
    """Replace everything in the schema by the copy, within the caller's transaction.

    Migrations recreate the tables and triggers, and COPY fills them. Raise BackupFailed.
    """
    with _one_line_errors(), open_archive(archive) as (rows, tables):
        recreate(migrations)
        names = [table.name for table in tables]
        if foreign := sorted(set(names) - set(table_names())):
            raise BackupFailed(f"The backup has tables that no migration of Latchkey creates: {', '.join(foreign)}.")
        with without_triggers(names):
            for table in tables:
                read_table(rows, table)


def other_connections() -> int:
    """Return the number of other connections to the database, after giving closing ones up to _PARTING_SECONDS."""
    # Close our own connections first, including the pool's: they would be counted.
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # its connections would count
    deadline = time.monotonic() + _CLOSING_SECONDS
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as probe:
        while count := probe.execute(_OTHERS).fetchall()[0][0]:
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
    return int(count)


def _refuse_other_schema(names: Sequence[str]) -> None:
    """Raise BackupRefused if the copied schema, the first in search_path, is not the one with Latchkey's tables."""
    if "apikeys_apikey" not in names:
        ((schema,),) = run_sql("SELECT current_schema()")
        raise BackupRefused(
            f"Latchkey's tables are not in the schema {schema}, the first one in search_path, and only that one is "
            "backed up. Put their schema first in search_path (ALTER ROLE … SET search_path), or drop the other one."
        )


def _refuse_foreign_tables(names: list[str], migrations: Collection[str]) -> None:
    """Raise BackupRefused if the schema has a table that no migration creates, because it could not be restored."""
    loader = MigrationLoader(None)
    known = [node for node in loader.graph.nodes if ".".join(node) in migrations]
    if len(known) < len(migrations):
        return
    models = loader.project_state(known).apps.get_models(include_auto_created=True)
    foreign = set(names) - {model._meta.db_table for model in models} - {"django_migrations"}
    if foreign:
        raise BackupRefused(
            f"The database has tables that are not Latchkey's: {', '.join(sorted(foreign))}. Move them elsewhere: "
            "Latchkey needs its own database or schema."
        )


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Turn a database error into BackupFailed with its first line only."""
    try:
        with connection.wrap_database_errors:
            yield
    except DatabaseError as error:
        # Further lines of PostgreSQL's message may contain row data.
        message = redact(str(error)).strip().partition("\n")[0]
        raise BackupFailed(f"The database cannot be copied or restored: {message}.") from None
