"""Checks whether a backup can be restored here, before anything is changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from apikeys.peppers import configured_peppers
from backup import postgresql
from backup.errors import BackupRefused
from backup.fingerprints import mismatched_peppers
from backup.manifest import Manifest, read_manifest
from backup.schema.expected import expected_digest
from backup.schema.migration_files import own_migrations, unknown
from health.models import Lease
from health.node.data_dir_lock import DataDirInUse, lock_data_dir


def check_backup(path: Path, *, other_peppers: bool, other_schema: bool) -> Manifest:
    """Return the backup's manifest. Raise BackupRefused if it is damaged or doesn't fit the settings or this version.

    With `other_schema`, the returned manifest has no schema digest, so the tables are accepted as they are. With
    `other_peppers`, missing or different peppers are accepted.
    """
    manifest = read_manifest(path)
    if manifest.database != connection.vendor:
        raise BackupRefused(f"The backup is of {manifest.database}, but DATABASE_URL names {connection.vendor}.")
    _refuse_other_migrations(manifest)
    if other_schema:
        manifest = replace(manifest, schema="")
    # With PostgreSQL, migrations recreate the tables, so those of the backup don't matter.
    if manifest.database == "sqlite" and has_other_tables(manifest):
        raise other_tables_error(manifest)
    mismatched = mismatched_peppers(configured_peppers(), manifest.peppers)
    if mismatched and not other_peppers:
        raise BackupRefused(
            f"SECRET_PEPPERS lacks peppers of the backup, or has others under their IDs: {', '.join(mismatched)}. "
            "Their secrets would stop working. Put the secrets.env of that installation into DATA_DIR. If it is "
            "permanently lost, restore with --other-peppers, and rotate those keys afterwards."
        )
    return manifest


def _refuse_other_migrations(manifest: Manifest) -> None:
    """Raise BackupRefused if the backup has migrations that this version lacks or knows with other contents."""
    # Missing migrations are no problem: an older schema is migrated after the restore.
    own = own_migrations()
    if newer := unknown(manifest.migrations):
        raise BackupRefused(
            f"The backup was made by another Latchkey ({manifest.version}). It has migrations that this version does "
            f"not have, for example {newer[0]}. Restore with that version."
        )
    if other := [name for name, made in manifest.migrations.items() if made and own.get(name, made) != made]:
        raise BackupRefused(
            f"The backup was made by another Latchkey ({manifest.version}): its migration {other[0]} differs from the "
            "one in this version. Restore with that version."
        )


def has_other_tables(manifest: Manifest) -> bool:
    """Return whether the copy has all of this version's migrations, but tables other than they create."""
    migrated = own_migrations().keys() <= manifest.migrations.keys()
    return migrated and manifest.schema not in ("", expected_digest(manifest.database))


def other_tables_error(manifest: Manifest) -> BackupRefused:
    """Return the error for a backup with the right migrations but other tables."""
    return BackupRefused(
        "The backup's tables differ from those of this version: it was made by another Latchkey "
        f"({manifest.version}), or its database was changed by hand. Restore with the version that made it. "
        "If that is this version, restore with --other-schema, and undo the change before you start the server."
    )


def database_is_empty() -> bool:
    """Return whether the database has no tables, like a new one."""
    # Connecting would create the file, and a check must change nothing.
    if connection.vendor == "sqlite" and not Path(connection.settings_dict["NAME"]).exists():
        return True
    return not connection.introspection.table_names()


@contextmanager
def exclusive_use() -> Iterator[None]:
    """Ensure that no server and no steward uses the database within the block. Raise BackupRefused otherwise."""
    try:
        with lock_data_dir(settings.DATA_DIR):
            _refuse_other_users()
            yield
    except DataDirInUse as error:
        raise BackupRefused(f"A server or another restore is using {error}. Stop it first.") from None


def _refuse_other_users() -> None:
    if database_is_empty():
        return
    if connection.vendor == "postgresql" and (others := postgresql.other_connections()):
        raise BackupRefused(f"The database is in use: it has {others} other connections. Close them first.")
    try:
        held = Lease.objects.filter(expires_at__gt=timezone.now()).exclude(holder="").first()
    except DatabaseError:
        # The database is damaged or belongs to something else, so no steward works with it.
        return
    if held is not None:
        raise BackupRefused(
            "A steward is using the database, or was killed within the last 30 seconds. Stop it, and try again."
        )
