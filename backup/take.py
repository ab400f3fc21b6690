"""Takes a backup, whether the server is running or not."""

from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone

from apikeys.peppers import configured_peppers
from backup import postgresql, sqlite
from backup.buckets import bucket_path, copy_buckets
from backup.files import atomic_directory, file_checksum
from backup.fingerprints import fingerprints
from backup.manifest import BUCKETS_FILE, DATABASE_FILES, Manifest
from backup.schema.migration_files import own_migrations, unknown
from latchkey import __version__
from latchkey.timestamps import rfc3339


def take_backup(path: Path) -> Manifest:
    """Create the backup directory `path` atomically. Return its manifest.

    Raise BackupRefused, BackupFailed or DatabaseError.
    """
    buckets = bucket_path(settings.BUCKET_STORE_URL)
    vendor = connection.vendor
    with atomic_directory(path) as draft:
        target = draft / DATABASE_FILES[vendor]
        made_at = timezone.now()
        # Copy the database before the buckets. Otherwise the usage rollup's high-water marks could be ahead of the
        # bucket counters. The rollup would treat such counters as new ones, and count them twice.
        if vendor == "sqlite":
            facts = sqlite.copy_database(Path(connection.settings_dict["NAME"]), target)
        else:
            facts = postgresql.copy_database(target)
        generation = copy_buckets(buckets, draft / BUCKETS_FILE) if buckets else None
        manifest = Manifest(
            version=__version__,
            made_at=rfc3339(made_at),
            database=vendor,
            migrations={name: own_migrations().get(name, "") for name in facts.migrations},
            # The digest covers tables of this version's apps only, so a newer version computes another one.
            schema="" if unknown(facts.migrations) else facts.schema,
            keys=facts.keys,
            last_event=facts.last_event,
            digest=facts.digest,
            peppers=fingerprints(configured_peppers(), facts.peppers),
            generation=generation,
            files={file.name: file_checksum(file) for file in sorted(draft.iterdir())},
        )
        manifest.write(draft)
    return manifest
