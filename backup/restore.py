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
from backup.buckets import bucket_path, continues, prepared_buckets
from backup.database_facts import read_facts
from backup.errors import BackupFailed
from backup.files import sync
from backup.loss_file import Earlier, new_set_aside_path, write_losses
from backup.losses import Losses
from backup.manifest import BUCKETS_FILE, DATABASE_FILES, Manifest
from backup.restore_check import has_other_tables, other_tables
from backup.restore_event import Trace
from backup.restore_progress import Restored
from backup.schema.expected import difference
from backup.schema.sql import Query, ask
from backup.take import take_backup
from events.chain_verification import Break
from events.models import ChainHead
from events.origin import Origin
from events.verification import verify
from health.guard_rails import BY_NAME
from health.incidents import sweep

Swap = Callable[[Restored, Path], None]
Settle = Callable[[Query], None]


def restore(path: Path, manifest: Manifest, lost: Losses | None, earlier: Sequence[Earlier], done: Restored) -> None:
    """Replace the current data by the examined backup at `path`. `lost` is None if the current database is empty.

    No other process may use the data. Raise BackupRefused, BackupFailed, OSError or DatabaseError; `done` says
    whether that happened before or after the swap.
    """
    trace = Trace(path, manifest, lost, earlier, Origin.of_command("restore"), timezone.now())
    aside = new_set_aside_path(time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()))
    prepared = _prepared_sqlite if manifest.database == "sqlite" else _prepared_postgresql
    done.buckets, buckets = _prepared_buckets(path / BUCKETS_FILE, manifest)
    with buckets as put_buckets, prepared(path, manifest, partial(_settle, trace, done)) as swap:
        if lost is not None:
            done.losses = write_losses(lost, path, aside)
        try:
            swap(done, aside)
        finally:
            _forget_unless_swapped(done)
        put_buckets()
    executor = MigrationExecutor(connection)
    done.pending = bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if not done.pending:
        sweep([BY_NAME["restored_backup"]], now=timezone.now(), request_id=trace.origin.request_id)
        done.broken = _first_break()
        done.last_event = ChainHead.objects.get(id=1).last_id
    done.finished = True


@contextmanager
def _prepared_sqlite(path: Path, manifest: Manifest, settle: Settle) -> Iterator[Swap]:
    database = Path(connection.settings_dict["NAME"]).absolute()

    def swap(draft: Path, done: Restored, aside: Path) -> None:
        connection.close()
        sqlite.put_database(draft, database, aside)
        done.swapped = True
        done.replaced = aside if done.losses else None
        if done.replaced is None:
            # The old database was empty, so it isn't kept.
            aside.unlink(missing_ok=True)
        sync(database.parent)

    copy = path / DATABASE_FILES[manifest.database]
    with sqlite.prepared_database(copy, database, settle) as draft:
        yield partial(swap, draft)


@contextmanager
def _prepared_postgresql(path: Path, manifest: Manifest, settle: Settle) -> Iterator[Swap]:
    """Yield the swap, which backs up the old contents as a regular backup, and then restores in one transaction."""

    def swap(done: Restored, aside: Path) -> None:
        if done.losses is not None:
            take_backup(aside)
            done.replaced = aside
        with transaction.atomic():
            postgresql.put_database(path / DATABASE_FILES[manifest.database], manifest.migrations)
            settle(ask)
            # Set before the commit: if the connection is lost during the commit, the outcome is unknown.
            done.swapped = True

    yield swap


def _prepared_buckets(copy: Path, manifest: Manifest) -> tuple[str, AbstractContextManager[Callable[[], None]]]:
    """Return what happens to the buckets ("none", "kept" or "restored"), and a context manager for it."""
    path = bucket_path(settings.BUCKET_STORE_URL)
    if path is None or manifest.generation is None:
        return "none", nullcontext(lambda: None)
    if path.exists() and continues(path, copy):
        # A store that has continued since the backup has more recent data, so it is kept.
        return "kept", nullcontext(lambda: None)
    return "restored", prepared_buckets(copy, path)


def _settle(trace: Trace, done: Restored, query: Query) -> None:
    """Compare the copy with its manifest, end its leases and sessions, and append the restore event to its log.

    The steward's lease of that time is released, and everyone who was signed in must sign in again. The event is
    part of the swap, so the restored database never exists without it.
    """
    facts, manifest = read_facts(query), trace.manifest
    if manifest.database == "sqlite" and manifest.schema not in ("", facts.schema):
        raise other_tables(manifest)
    if manifest.database == "postgresql" and has_other_tables(replace(manifest, schema=facts.schema)):
        raise BackupFailed(f"The new tables differ from those of this version: {difference(query, manifest.database)}.")
    if (facts.keys, facts.last_event, facts.digest) != (manifest.keys, manifest.last_event, manifest.digest):
        raise BackupFailed("The backup's contents do not match its manifest. Take another backup.")
    query(
        "UPDATE health_lease SET holder = '', expires_at = CURRENT_TIMESTAMP WHERE expires_at > CURRENT_TIMESTAMP"
        " RETURNING name"
    )
    query("DELETE FROM django_session RETURNING session_key")
    done.event = trace.leave(query)


def _forget_unless_swapped(done: Restored) -> None:
    if done.swapped:
        return
    if done.losses is not None:
        done.losses.unlink(missing_ok=True)
    if done.replaced is not None:
        shutil.rmtree(done.replaced, ignore_errors=True)
    done.losses = done.replaced = None


def _first_break() -> Break | None:
    return next((found for found in verify(configured_peppers()) if isinstance(found, Break)), None)
