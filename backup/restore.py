"""Restore of a backup: the database, the buckets unless newer ones are here, and a check of the event log.

Every step that may fail because of disk space or permissions comes before the one step that replaces the database.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from apikeys.peppers import configured_peppers
from backup import postgresql, sqlite
from backup.buckets import bucket_path, prepared_buckets, store_continues
from backup.database_facts import read_facts
from backup.errors import BackupFailed
from backup.files import sync
from backup.loss_file import EarlierRestore, new_set_aside_path, write_losses
from backup.losses import Losses
from backup.manifest import BUCKETS_FILE, DATABASE_FILES, Manifest
from backup.restore_check import has_other_tables, other_tables_error
from backup.restore_event import RestoreEvent
from backup.restore_progress import RestoreProgress
from backup.schema.expected import difference
from backup.schema.sql import Query, run_sql
from backup.take import take_backup
from events.chain_verification import Break
from events.models import ChainHead
from events.origin import Origin
from events.verification import verify
from health.guard_rails import BY_NAME
from health.incidents import sweep

Swap = Callable[[RestoreProgress, Path], None]
Finalize = Callable[[Query], None]


def restore(
    path: Path, manifest: Manifest, lost: Losses | None, earlier: Sequence[EarlierRestore], progress: RestoreProgress
) -> None:
    """Replace the current data by the examined backup at `path`. `lost` is None if the current database is empty.

    No other process may use the data. Raise BackupRefused, BackupFailed, OSError or DatabaseError; `progress` says
    whether that happened before or after the swap.
    """
    event = RestoreEvent(path, manifest, lost, earlier, Origin.of_command("restore"), timezone.now())
    aside = new_set_aside_path(time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()))
    prepared = _prepared_sqlite if manifest.database == "sqlite" else _prepared_postgresql
    progress.buckets, buckets = _prepared_buckets(path / BUCKETS_FILE, manifest)
    with buckets as swap_in_buckets, prepared(path, manifest, partial(_finalize, event, progress)) as swap:
        if lost is not None:
            progress.losses = write_losses(lost, path, aside)
        try:
            swap(progress, aside)
        finally:
            _clean_up_unless_swapped(progress)
        swap_in_buckets()
    executor = MigrationExecutor(connection)
    progress.pending = bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if not progress.pending:
        sweep([BY_NAME["restored_backup"]], now=timezone.now(), request_id=event.origin.request_id)
        progress.broken = _first_break()
        progress.last_event = ChainHead.objects.get(id=1).last_id
    progress.finished = True


@contextmanager
def _prepared_sqlite(path: Path, manifest: Manifest, finalize: Finalize) -> Iterator[Swap]:
    database = Path(connection.settings_dict["NAME"]).absolute()

    def swap(draft: Path, progress: RestoreProgress, aside: Path) -> None:
        connection.close()
        sqlite.replace_database(draft, database, aside)
        progress.swapped = True
        progress.replaced = aside if progress.losses else None
        if progress.replaced is None:
            # The old database was empty, so it isn't kept.
            aside.unlink(missing_ok=True)
        sync(database.parent)

    copy = path / DATABASE_FILES[manifest.database]
    with sqlite.prepared_database(copy, database, finalize) as draft:
        yield partial(swap, draft)


@contextmanager
def _prepared_postgresql(path: Path, manifest: Manifest, finalize: Finalize) -> Iterator[Swap]:
    """Yield the swap, which backs up the old contents as a regular backup, and then restores in one transaction."""

    def swap(progress: RestoreProgress, aside: Path) -> None:
        if progress.losses is not None:
            take_backup(aside)
            progress.replaced = aside
        with transaction.atomic():
            postgresql.replace_database(path / DATABASE_FILES[manifest.database], manifest.migrations)
            finalize(run_sql)
            # Set before the commit: if the connection is lost during the commit, the outcome is unknown.
            progress.swapped = True

    yield swap


def _prepared_buckets(copy: Path, manifest: Manifest) -> tuple[str, AbstractContextManager[Callable[[], None]]]:
    """Return what happens to the buckets ("none", "kept" or "restored"), and a context manager for it."""
    path = bucket_path(settings.BUCKET_STORE_URL)
    if path is None or manifest.generation is None:
        return "none", nullcontext(lambda: None)
    if path.exists() and store_continues(path, copy):
        # A store that has continued since the backup has more recent data, so it is kept.
        return "kept", nullcontext(lambda: None)
    return "restored", prepared_buckets(copy, path)


def _finalize(event: RestoreEvent, progress: RestoreProgress, query: Query) -> None:
    """Compare the copy with its manifest, end its leases and sessions, and append the restore event to its log.

    The steward's lease of that time is released, and everyone who was signed in must sign in again. The event is
    part of the swap, so the restored database never exists without it.
    """
    facts, manifest = read_facts(query), event.manifest
    if manifest.database == "sqlite" and manifest.schema not in ("", facts.schema):
        raise other_tables_error(manifest)
    if manifest.database == "postgresql" and has_other_tables(replace(manifest, schema=facts.schema)):
        raise BackupFailed(f"The new tables differ from those of this version: {difference(query, manifest.database)}.")
    if (facts.keys, facts.last_event, facts.digest) != (manifest.keys, manifest.last_event, manifest.digest):
        raise BackupFailed("The backup's contents do not match its manifest. Take another backup.")
    query(
        "UPDATE health_lease SET holder = '', expires_at = CURRENT_TIMESTAMP WHERE expires_at > CURRENT_TIMESTAMP"
        " RETURNING name"
    )
    query("DELETE FROM django_session RETURNING session_key")
    progress.event = event.append(query)


def _clean_up_unless_swapped(progress: RestoreProgress) -> None:
    if progress.swapped:
        return
    if progress.losses is not None:
        progress.losses.unlink(missing_ok=True)
    if progress.replaced is not None:
        shutil.rmtree(progress.replaced, ignore_errors=True)
    progress.losses = progress.replaced = None


def _first_break() -> Break | None:
    return next((found for found in verify(configured_peppers()) if isinstance(found, Break)), None)
