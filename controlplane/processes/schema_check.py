"""Schema check before `manage.py serve` starts: the database must have the structure that this version needs."""

from django.core.management.base import CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from backup.schema.expected import difference
from backup.schema.migration_files import own_migrations
from backup.schema.sql import run_sql
from latchkey import __version__
from latchkey.cli.exit_codes import COULD_NOT, REFUSED
from latchkey.redaction import redact


def database_unavailable(error: DatabaseError) -> CommandError:
    """Return the CommandError for a database that does not answer (exit status 3)."""
    return CommandError(f"DATABASE_URL: the database does not respond: {redact(str(error))}", returncode=COULD_NOT)


def check_schema() -> None:
    """Raise CommandError if the database does not match this version.

    It doesn't match if it lacks migrations, if a newer version migrated it, or if its tables differ from what this
    version's migrations create. Raise CommandError too if the database does not answer.
    """
    try:
        fault = _find_fault()
    except DatabaseError as error:
        raise database_unavailable(error) from None
    if fault:
        raise CommandError(fault, returncode=REFUSED)


def _find_fault() -> str:
    executor = MigrationExecutor(connection)
    # Check this first: for the database of a newer version, the advice to migrate would be wrong.
    if unknown := _unknown(executor.loader):
        return (
            f"The database was migrated by a newer Latchkey: {__version__} does not have {unknown[0]}. Start that "
            "version, or use this one to restore a backup from before the upgrade."
        )
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return "The database has unapplied migrations. Run: manage.py migrate"
    if found := difference(run_sql, connection.vendor):
        return (
            f"The database's tables differ from those of Latchkey {__version__}: {found}. Undo any manual change, "
            "start the version that created the database, or restore a backup that this version accepts."
        )
    return ""


def _unknown(loader: MigrationLoader) -> list[str]:
    """Return the applied migrations of Latchkey's apps that this version does not have, sorted."""
    own = own_migrations()
    apps = {name.partition(".")[0] for name in own}
    return sorted(f"{app}.{name}" for app, name in loader.applied_migrations or () if app in apps
                  and f"{app}.{name}" not in own)  # fmt: skip
